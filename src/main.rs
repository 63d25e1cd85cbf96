/// A drill makes many small texts. mimalloc takes a fifth of the time from glibc's allocator
/// (benches/README.md). Version 3 held twice the memory of version 2 in small runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    base::process::main_if_asked().unwrap_or_else(drillmaster::cli::main)
}
