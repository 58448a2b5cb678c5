//! Tells the linker that Ruby gives its own symbols, and the compiler which Ruby it is.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _ = rb_sys_env::activate()?;
    Ok(())
}
