//! The interactive prompt: the same requests as on the command line, one a line, with completion of what the node knows.

use std::borrow::Cow;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{CommandFactory, Parser};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use crate::client::{self, Call};
use crate::failure::Failure;
use crate::home::Home;
use crate::protocol::{Reply, Request, Words};
use crate::{print_event, print_reply, show};

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
        crate::complain(&failure);
    }
    Ok(())
}

fn say(home: &Home, request: &Request, json: bool, interrupts: &Interrupts) -> Result<(), Failure> {
    let call = Call::say(home, request)?;
    interrupts.end(Some(call.stream()?));
    let done = if *request == Request::Trace {
        client::follow(call, |event| print_event(&event, json))
    } else {
        let reply = client::wait(call, request);
        reply.and_then(|reply| Ok(print_reply(&reply, json)?))
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
    commands: Vec<String>,
    words: Vec<String>,
}

impl Completion {
    fn of(words: Words) -> Self {
        let command = Line::command();
        let names = command.get_subcommands().map(|it| it.get_name().to_owned());
        let others = ["help", QUIT[0]].map(str::to_owned);
        let words = words.actors.into_iter().chain(words.members);
        // Members may hold anything: what would steer the terminal, and what would be split, is not offered.
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '"' || c == '\'';
        Self {
            commands: names.chain(others).collect(),
            words: words.filter(|word| !word.contains(odd)).collect(),
        }
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
        let typed = before.get(begin..).unwrap_or_default();
        let first = before.trim_start().len() == typed.len();
        let candidates = if first { &self.commands } else { &self.words };
        let fitting = candidates.iter().filter(|word| word.starts_with(typed));
        Ok((begin, fitting.cloned().collect()))
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
        assert_eq!(parse(&["add", "a b"]).ok(), Some(Request::Add { members }));
        assert_eq!(parse(&["words"]).ok(), None);
        assert_eq!(parse(&["approve", "join", "xx"]).ok(), None);
        Line::command().debug_assert();
    }

    #[test]
    fn commands_are_completed_first_and_then_what_the_node_knows() {
        let completion = Completion::of(Words {
            actors: vec!["abcd".to_owned()],
            members: ["apple", "a pear", "a\u{1b}[2J", "a\u{9b}2J", "a'", "a\"b"]
                .map(str::to_owned)
                .into(),
        });
        let history = DefaultHistory::new();
        let complete = |line: &str| {
            let context = Context::new(&history);
            completion.complete(line, line.len(), &context).ok()
        };
        let commands = ["admit", "add"].map(str::to_owned);
        let (begin, mut found) = complete("ad").expect("candidates");
        found.sort_by(|a, b| b.cmp(a));
        assert_eq!((begin, &found[..]), (0, &commands[..]));
        let words = vec!["abcd".to_owned(), "apple".to_owned()];
        assert_eq!(complete("remove a"), Some((7, words)));
    }
}
