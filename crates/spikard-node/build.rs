//! Tells the linker that Node gives the symbols of N-API.

fn main() {
    napi_build::setup();
}
