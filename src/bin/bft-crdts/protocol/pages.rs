//! Long replies are said in pages, of which each is a reply of the same kind, and put together at
//! the other end.

use super::{History, Operation, ProofDigits, Reply};

/// Bytes of texts in one page, at most, unless a single item has more.
const PAGE_BYTES: usize = 64 << 10;
/// What an item takes in a page besides its texts.
const ITEM_BYTES: usize = 16;

impl Reply {
    /// The same reply in one page or more.
    pub(crate) fn pages(self) -> Vec<Self> {
        match self {
            Self::List(items) => split(items, String::len, Self::List),
            Self::Accounts(items) => split(items, |it| it.owner.len(), Self::Accounts),
            Self::Puts(items) => split(items, |it| it.key.len() + it.value.len(), Self::Puts),
            Self::Pending(items) => split(items, Operation::bytes, Self::Pending),
            Self::Value(text) => pieces(text).into_iter().map(Self::Value).collect(),
            Self::History(History { since, operations }) => {
                split(operations, Operation::bytes, |operations| {
                    let since = since.clone();
                    Self::History(History { since, operations })
                })
            }
            Self::Proof(ProofDigits { kind, digits }) => {
                let pieces = pieces(digits).into_iter();
                let page = |digits| Self::Proof(ProofDigits { kind, digits });
                pieces.map(page).collect()
            }
            short => vec![short],
        }
    }

    /// Puts the next page after this one; any other reply takes the place of what came before.
    pub(crate) fn append(&mut self, next: Self) {
        match (self, next) {
            (Self::List(all), Self::List(next)) => all.extend(next),
            (Self::Accounts(all), Self::Accounts(next)) => all.extend(next),
            (Self::Puts(all), Self::Puts(next)) => all.extend(next),
            (Self::Pending(all), Self::Pending(next)) => all.extend(next),
            (Self::Value(all), Self::Value(next)) => all.push_str(&next),
            (Self::Proof(all), Self::Proof(next)) => all.digits.push_str(&next.digits),
            (Self::History(all), Self::History(next)) => all.operations.extend(next.operations),
            (before, next) => *before = next,
        }
    }
}

/// At least one page: that there is nothing is said, too.
fn split<T>(
    items: Vec<T>,
    bytes: impl Fn(&T) -> usize,
    page: impl Fn(Vec<T>) -> Reply,
) -> Vec<Reply> {
    let (mut pages, mut fitting, mut size) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let bytes = bytes(&item) + ITEM_BYTES;
        if size + bytes > PAGE_BYTES && !fitting.is_empty() {
            pages.push(page(std::mem::take(&mut fitting)));
            size = 0;
        }
        size += bytes;
        fitting.push(item);
    }
    pages.push(page(fitting));
    pages
}

fn pieces(text: String) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.as_str();
    while rest.len() > PAGE_BYTES {
        let boundary = (0..=PAGE_BYTES).rfind(|end| rest.is_char_boundary(*end));
        let (piece, after) = rest.split_at(boundary.expect("there is one at 0"));
        pieces.push(piece.to_owned());
        rest = after;
    }
    pieces.push(rest.to_owned());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Account, Effect, Kind, Place, Put, State};

    #[test]
    fn nothing_is_cut_from_a_reply_that_takes_several_pages() {
        let text = |number: usize| format!("{number} \u{1f4a9}").repeat(200);
        let texts = || (0..300).map(text);
        let account = |owner| Account { owner, balance: 7 };
        let put = |key: String| Put {
            value: key.clone(),
            key,
        };
        let operation = |text| Operation {
            place: Place {
                source: String::new(),
                seq: 1,
            },
            index: 0,
            state: State::Pending,
            operation: Some(Effect::Insert { text }),
        };
        let operations: Vec<_> = texts().map(operation).collect();
        for reply in [
            Reply::List(texts().collect()),
            Reply::Accounts(texts().map(account).collect()),
            Reply::Puts(texts().map(put).collect()),
            Reply::Pending(operations.clone()),
            Reply::Value(texts().collect()),
            Reply::Proof(ProofDigits {
                kind: Kind::Set,
                digits: "5b".repeat(1 << 20),
            }),
            Reply::History(History {
                since: None,
                operations,
            }),
        ] {
            let pages = reply.clone().pages();
            assert!(pages.len() > 1);
            for page in &pages {
                let bytes = serde_json::to_vec(page).expect("plain data").len();
                assert!(bytes < 4 * PAGE_BYTES, "{bytes}");
            }
            let whole = pages.into_iter().reduce(|mut all, next| {
                all.append(next);
                all
            });
            assert_eq!(whole, Some(reply));
        }
        let none = Reply::List(Vec::new());
        assert_eq!(none.clone().pages(), [none]);
    }
}
