//! A pseudo-terminal: what a program takes for a person's terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// No program of these tests says less than one line in this time.
const LIMIT: Duration = Duration::from_mins(5);

pub struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// Gives a command a terminal as its standard input and error.
    pub fn of(command: &mut Command) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        command.stdin(Stdio::from(theirs.try_clone().unwrap())).stderr(Stdio::from(theirs));
        let keyboard = File::from(ours);
        let mut output = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Once the program has closed its side, reading fails.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keyboard, screen, seen: String::new() }
    }

    pub fn type_line(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Waits until this stands on the screen. Returns all that was shown so far.
    #[track_caller]
    pub fn wait_for(&mut self, said: &str) -> String {
        let until = Instant::now() + LIMIT;
        while !self.seen.contains(said) {
            match self.screen.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("{said:?} was not said: {}", self.seen),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended and did not say {said:?}: {}", self.seen)
                }
            }
        }
        self.seen.clone()
    }

    /// Waits until the program has closed the terminal. Returns all that was shown.
    pub fn rest(mut self) -> String {
        let until = Instant::now() + LIMIT;
        while let Ok(bytes) = self.screen.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.seen += &String::from_utf8_lossy(&bytes);
        }
        self.seen
    }
}
