fn main() -> std::process::ExitCode {
    base::process::main_if_asked().unwrap_or_else(drillmaster::cli::main)
}
