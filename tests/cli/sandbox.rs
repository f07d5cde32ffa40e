//! Directories and processes that a test cannot leave behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("one line of JSON")
}

pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A directory for one test.
pub(crate) struct Sandbox(PathBuf);

/// The directory of one identity.
pub(crate) struct Home {
    pub(crate) directory: PathBuf,
    pub(crate) actor: String,
    pub(crate) address: String,
}

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child, mpsc::Receiver<String>);

impl Sandbox {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("bft-cli-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new directory");
        Self(path)
    }

    /// A directory without an identity.
    pub(crate) fn nobody(&self, name: &str) -> Home {
        Home {
            directory: self.0.join(name),
            actor: String::new(),
            address: String::new(),
        }
    }

    pub(crate) fn home(&self, name: &str) -> Home {
        let mut home = self.nobody(name);
        home.actor = home.done(&["init"]).trim().to_owned();
        assert_eq!(home.done(&["whoami"]).trim(), home.actor);
        home
    }

    pub(crate) fn found(&self, kind: &str) -> [Home; 2] {
        self.found_by(|homes| found(kind, homes))
    }

    /// Two members of the network to which `invite` writes the invitation.
    pub(crate) fn found_by(&self, invite: impl FnOnce(&[Home]) -> String) -> [Home; 2] {
        let sockets = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port"));
        let addresses = sockets.map(|socket| socket.local_addr().expect("bound").to_string());
        let mut homes = ["one", "two"].map(|name| self.home(name));
        for (home, address) in homes.iter_mut().zip(addresses) {
            home.address = address;
        }
        let invitation = invite(&homes);
        homes[0].told(&["join", "-"], &invitation);
        let file = self.0.join("invitation");
        std::fs::write(&file, &invitation).expect("written");
        homes[1].done(&["join", &format!("@{}", file.display())]);
        homes
    }

    /// So many founders, each with the invitation.
    pub(crate) fn found_many<const N: usize>(&self, kind: &str) -> [Home; N] {
        let sockets = [(); N].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a port"));
        let mut number = 0;
        let homes = sockets.map(|socket| {
            number += 1;
            let mut home = self.home(&number.to_string());
            home.address = socket.local_addr().expect("bound").to_string();
            home
        });
        let invitation = found(kind, &homes);
        for home in &homes {
            home.done(&["join", invitation.trim()]);
        }
        homes
    }

    pub(crate) fn found_alone(&self, kind: &str) -> Home {
        self.found_alone_in("one", kind)
    }

    /// The same, in a directory with this name.
    pub(crate) fn found_alone_in(&self, name: &str, kind: &str) -> Home {
        let mut home = self.home(name);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        home.address = socket.local_addr().expect("bound").to_string();
        let invitation = found(kind, std::slice::from_ref(&home));
        home.done(&["join", invitation.trim()]);
        home
    }
}

/// Whether something was refused, or a node was that will never start so.
fn is_refusal(status: ExitStatus) -> bool {
    matches!(status.code(), Some(1 | 7))
}

/// An address at which nobody listens, for now.
pub(crate) fn free_address() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("bound").to_string()
}

pub(crate) fn found(kind: &str, homes: &[Home]) -> String {
    found_with(&["--kind", kind], homes)
}

pub(crate) fn found_with(options: &[&str], homes: &[Home]) -> String {
    let founders = homes
        .iter()
        .map(|home| format!("{}@{}", home.actor, home.address));
    let founders: Vec<_> = founders.collect();
    let mut words = [&["create-network"], options].concat();
    words.extend(founders.iter().map(String::as_str));
    homes[0].done(&words)
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Home {
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bft-crdts"));
        command.arg("--dir").arg(&self.directory).args(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn ask(&self, words: &[&str]) -> Output {
        let output = self.command(words).stdin(Stdio::null()).output();
        output.expect("the program starts")
    }

    /// What it prints when it succeeds.
    pub(crate) fn done(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        text(&output.stdout)
    }

    /// What it complains of.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let output = self.ask(words);
        assert!(is_refusal(output.status), "{words:?}: {output:?}");
        text(&output.stderr)
    }

    /// What it complains of, of a request that might never be answered.
    pub(crate) fn refused_soon(&self, words: &[&str]) -> String {
        let mut process = self.start_into(words, Stdio::piped());
        let mut stderr = process.0.stderr.take().expect("piped");
        let status = process.ended();
        assert!(is_refusal(status), "{words:?}");
        let mut complaint = String::new();
        stderr.read_to_string(&mut complaint).expect("texts");
        complaint
    }

    /// The same identity in another directory, as of now.
    pub(crate) fn copy(&self, name: &str) -> Home {
        let directory = self.directory.with_file_name(name);
        std::fs::create_dir(&directory).expect("a new directory");
        for file in ["store.redb", "peers"] {
            let copied = std::fs::copy(self.directory.join(file), directory.join(file));
            copied.expect("a file");
        }
        Home {
            directory,
            actor: self.actor.clone(),
            address: free_address(),
        }
    }

    /// The same as [`done`](Self::done), with an input.
    pub(crate) fn told(&self, words: &[&str], input: &str) -> String {
        let mut child = self.command(words).spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{words:?}: {output:?}");
        text(&output.stdout)
    }

    /// A refusal may pass, too: a node that was killed answers before it is again where it was.
    pub(crate) fn until(&self, words: &[&str], expected: &str) {
        until(|| {
            let output = self.ask(words);
            output.status.success() && text(&output.stdout) == expected
        });
    }

    /// What it complains of when nobody reads what it prints.
    pub(crate) fn unread(&self, words: &[&str]) -> Output {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let unread = self.command(words).stdout(writer).spawn();
        let unread = unread.expect("the program starts").wait_with_output();
        unread.expect("it ends")
    }

    pub(crate) fn start(&self, words: &[&str]) -> Process {
        self.start_into(words, Stdio::null())
    }

    /// Tells what it complains of to `stderr`.
    pub(crate) fn start_into(&self, words: &[&str], stderr: impl Into<Stdio>) -> Process {
        Process::of(self.command(words).stderr(stderr))
    }

    pub(crate) fn run(&self) -> Process {
        self.run_with(&[])
    }

    /// A node that others can reach, and that notes on standard error what `filter` lets through.
    pub(crate) fn run_noting(&self, filter: &str, stderr: impl Into<Stdio>) -> Process {
        self.run_noting_with(&[], filter, stderr)
    }

    pub(crate) fn run_noting_with(
        &self,
        options: &[&str],
        filter: &str,
        stderr: impl Into<Stdio>,
    ) -> Process {
        let mut command = self.command(&[&["run"], options].concat());
        let mut node = Process::of(command.env("RUST_LOG", filter).stderr(stderr));
        assert_eq!(node.line(), format!("ready {}", self.address));
        node
    }

    /// A node that tells `supervisor` how far it is.
    pub(crate) fn run_for(&self, supervisor: &str, stderr: impl Into<Stdio>) -> Process {
        let mut command = self.command(&["run"]);
        Process::of(command.env("NOTIFY_SOCKET", supervisor).stderr(stderr))
    }

    /// A node that runs within bounds that the shell sets.
    pub(crate) fn run_limited(&self, bounds: &str) -> Process {
        let script = format!("{bounds}; exec \"$0\" \"$@\"");
        let program = env!("CARGO_BIN_EXE_bft-crdts");
        let mut command = Command::new("sh");
        command.args(["-c", &script, program, "--dir"]);
        command.arg(&self.directory).arg("run");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut node = Process::of(&mut command);
        assert_eq!(node.line(), format!("ready {}", self.address));
        node
    }

    /// A node that others can reach.
    pub(crate) fn run_with(&self, options: &[&str]) -> Process {
        let mut node = self.start(&[&["run"], options].concat());
        assert_eq!(node.line(), format!("ready {}", self.address));
        node
    }
}

impl Process {
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (say, said) = mpsc::channel();
        thread::spawn(move || {
            let lines = lines.map_while(Result::ok);
            lines.into_iter().try_for_each(|line| say.send(line))
        });
        Self(child, said)
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("it runs").success());
    }

    pub(crate) fn line(&mut self) -> String {
        self.1.recv_timeout(PATIENCE).expect("it says something")
    }

    pub(crate) fn ended(mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("a process") {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "it goes on");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
