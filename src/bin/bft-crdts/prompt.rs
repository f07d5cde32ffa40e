//! The interactive prompt: the same requests as on the command line, one a line, with completion of
//! what the node knows.

use std::borrow::Cow;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{CommandFactory, Parser};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use crate::bulk;
use crate::client::{self, Call};
use crate::failure::Failure;
use crate::home::Home;
use crate::protocol::{Reply, Request, Words};
use crate::{print_event, print_taken, proof_file, show};

/// What ends the prompt.
const QUIT: [&str; 2] = ["quit", "exit"];

/// One line at the prompt.
#[derive(Debug, Parser)]
#[command(
    name = "",
    no_binary_name = true,
    disable_help_flag = true,
    help_template = "{subcommands}\n  quit      Ends the prompt",
    override_usage = "COMMAND [ARGUMENT]..."
)]
struct Line {
    #[command(subcommand)]
    request: Request,
}

/// The request in these words.
pub(crate) fn parse<T: AsRef<str>>(words: &[T]) -> Result<Request, clap::Error> {
    let words = words.iter().map(AsRef::as_ref);
    Ok(Line::try_parse_from(words)?.request)
}

/// Reads lines and asks the node, until the end of the input.
pub(crate) fn run(home: &Home, json: bool) -> Result<(), Failure> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .auto_add_history(true)
        .build();
    let mut editor = Editor::<Completion, DefaultHistory>::with_config(config)?;
    // There is none at the first time.
    let _ = editor.load_history(&home.history());
    let prompt = format!("{}> ", show::short(&whoami(home)?));
    let interrupts = Interrupts::listen()?;
    loop {
        editor.set_helper(Some(Completion::of(words(home))));
        match editor.readline(&prompt) {
            Ok(line) if QUIT.contains(&line.trim()) => break,
            Ok(line) => obey(home, &line, json, &interrupts)?,
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(editor.save_history(&home.history())?)
}

fn whoami(home: &Home) -> Result<String, Failure> {
    match client::ask(home, &Request::Status)? {
        Reply::Status(status) => Ok(status.actor),
        _ => Ok(String::new()),
    }
}

fn words(home: &Home) -> Words {
    match client::ask(home, &Request::Words) {
        Ok(Reply::Words(words)) => words,
        _ => Words::default(),
    }
}

/// Carries out one line. What goes wrong with it is told, and the prompt goes on.
fn obey(home: &Home, line: &str, json: bool, interrupts: &Interrupts) -> Result<(), Failure> {
    let Some(words) = split(line) else {
        crate::remark("a quotation mark is open");
        return Ok(());
    };
    if words.is_empty() {
        return Ok(());
    }
    let request = match parse(&words) {
        Ok(request) => request,
        Err(usage) => return Ok(usage.print()?),
    };
    if let Err(failure) = say(home, &request, json, interrupts) {
        crate::complain(&failure, json);
    }
    Ok(())
}

fn say(home: &Home, request: &Request, json: bool, interrupts: &Interrupts) -> Result<(), Failure> {
    // A member named - is one: the standard input is the prompt's.
    if bulk::source(request).is_some_and(|lines| lines != Path::new("-")) {
        return bulk::change(home, request, json);
    }
    proof_file::prepare(request)?;
    let call = Call::say(home, request)?;
    interrupts.end(Some(call.stream()?));
    let done = if matches!(request, Request::Events { .. }) {
        client::follow(call, |told| print_event(told, json))
    } else {
        let taken = |reply: &Reply| print_taken(reply, json);
        let reply = client::wait(call, request, taken);
        reply.and_then(|reply| proof_file::finish(home, request, &reply, json))
    };
    interrupts.end(None);
    done
}

/// The words of a line: between spaces, or between quotation marks. None when a mark is open.
fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// An interrupt ends the waiting for an answer, and not the prompt.
struct Interrupts {
    waiting: Arc<Mutex<Option<UnixStream>>>,
}

impl Interrupts {
    fn listen() -> io::Result<Self> {
        let waiting: Arc<Mutex<Option<UnixStream>>> = Arc::default();
        let shared = Arc::clone(&waiting);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new().spawn(move || {
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    let stream = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(stream) = &*stream {
                        // It may have ended by itself.
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                }
            });
        })?;
        Ok(Self { waiting })
    }

    /// Lets interrupts end this connection, and no other.
    fn end(&self, stream: Option<UnixStream>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = stream;
    }
}

/// What may stand where the cursor is.
struct Completion {
    line: clap::Command,
    actors: Vec<String>,
    members: Vec<String>,
}

impl Completion {
    fn of(words: Words) -> Self {
        // Members may hold anything: what would steer the terminal, and what would be split, is not
        // offered.
        let odd = |c: char| c.is_whitespace() || c == '"' || c == '\'' || show::steers(c);
        let members = words.members.into_iter();
        let mut line = Line::command();
        line.build();
        Self {
            line,
            actors: words.actors,
            members: members.filter(|word| !word.contains(odd)).collect(),
        }
    }

    /// What may follow these words.
    fn after<'w>(&self, words: impl Iterator<Item = &'w str>) -> Vec<String> {
        let (mut command, mut given) = (&self.line, 0);
        for word in words {
            match command.find_subcommand(word) {
                Some(subcommand) => (command, given) = (subcommand, 0),
                None => given += 1,
            }
        }
        let names = command.get_subcommands().map(clap::Command::get_name);
        let mut candidates: Vec<_> = names.map(str::to_owned).collect();
        if std::ptr::eq(command, &self.line) {
            candidates.extend(QUIT.first().map(|&quit| quit.to_owned()));
        }
        let is_next = |(index, arg): &(usize, &clap::Arg)| {
            *index == given || arg.get_num_args().is_some_and(|most| most.max_values() > 1)
        };
        let next = command.get_positionals().enumerate().find(is_next);
        match next.map(|(_, arg)| arg.get_id().as_str()) {
            Some("actor") => candidates.extend(self.actors.iter().cloned()),
            Some("key") => candidates.extend(self.members.iter().cloned()),
            // What is there can be removed; what is added is new.
            Some("members") if command.get_name() == "remove" => {
                candidates.extend(self.members.iter().cloned());
            }
            _ => {}
        }
        candidates
    }
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        place: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..place).unwrap_or(line);
        let begin = before
            .rfind(char::is_whitespace)
            .map_or(0, |space| space + 1);
        let (words, typed) = before.split_at(begin);
        let mut candidates = self.after(words.split_whitespace());
        candidates.retain(|word| word.starts_with(typed));
        Ok((begin, candidates))
    }
}

impl Helper for Completion {}
impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Borrowed(line)
    }
}
impl Validator for Completion {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_between_spaces_or_quotation_marks() {
        let words = |line: &str| split(line).map(|words| words.join("|"));
        assert_eq!(
            words(" add  a \"b c\" 'd' "),
            Some("add|a|b c|d".to_owned())
        );
        assert_eq!(words("add \"\""), Some("add|".to_owned()));
        assert_eq!(words("add \"a"), None);
        assert_eq!(words("  "), Some(String::new()));
    }

    #[test]
    fn a_line_is_a_request_and_every_request_has_a_name() {
        let members = vec!["a b".to_owned()];
        assert_eq!(
            parse(&["add", "a b"]).ok(),
            Some(Request::Add {
                members,
                file: None,
                receipt: None,
            })
        );
        assert_eq!(parse(&["words"]).ok(), None);
        assert_eq!(parse(&["approve", "join", "xx"]).ok(), None);
        Line::command().debug_assert();
    }

    #[test]
    fn commands_come_first_and_then_what_each_of_them_wants() {
        let completion = Completion::of(Words {
            actors: vec!["abcd".to_owned()],
            members: ["apple", "a pear", "a\u{1b}[2J", "a\u{9b}2J", "a'", "a\"b"]
                .map(str::to_owned)
                .into(),
        });
        let history = DefaultHistory::new();
        let complete = |line: &str| {
            let context = Context::new(&history);
            let found = completion.complete(line, line.len(), &context);
            let (begin, mut found) = found.expect("candidates");
            found.sort();
            (begin, found.join(" "))
        };
        for (line, begin, found) in [
            ("ad", 0, "add admit"),
            ("qu", 0, "quit"),
            ("help re", 5, "receipt remove renew requests"),
            ("remove a", 7, "apple"),
            ("remove apple a", 13, "apple"),
            ("add a", 4, ""),
            ("pay a", 4, "abcd"),
            ("pay abcd ", 9, ""),
            ("admit ", 6, "abcd"),
            ("approve ", 8, "help join leave renew"),
            ("approve join a", 13, "abcd"),
            ("approve renew ", 14, ""),
            ("status ", 7, ""),
        ] {
            assert_eq!(complete(line), (begin, found.to_owned()), "{line}");
        }
    }
}
