fn main() -> std::process::ExitCode {
    drillmaster::cli::main()
}
