mod accepted;
mod broken;
#[cfg(not(target_arch = "wasm32"))]
mod random;
