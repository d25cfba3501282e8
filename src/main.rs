//! The `papertape` program. Everything it does is in the library.

fn main() -> std::process::ExitCode {
    papertape::cli::run()
}
