//! Networks of the family of types: a counter, a map of texts, and a text.

use bft_crdts::types::{Counter, Map, Text, counter, map, text};

use super::{Question, Service, Wanted, words};
use crate::protocol::{Effect, Kind, Put, Refusal, Reply};

/// The map that the program runs.
pub(crate) type Texts = Map<String, String>;

impl Service for Counter {
    const KIND: Kind = Kind::Counter;

    fn operation(&self, wanted: Wanted) -> Result<Self::Op, Refusal> {
        match wanted {
            Wanted::Increase(amount) => Ok(self.add(amount)),
            _ => Err(Refusal::OtherKind(Self::KIND)),
        }
    }

    fn look(&self, question: Question) -> Result<Reply, Refusal> {
        match question {
            Question::Get(None) => Ok(Reply::Number(self.value())),
            _ => Err(Refusal::OtherKind(Self::KIND)),
        }
    }

    fn effect(op: &counter::Add) -> Effect {
        let amount = op.amount;
        Effect::Incr { amount }
    }

    fn words(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Service for Texts {
    const KIND: Kind = Kind::Map;

    fn operation(&self, wanted: Wanted) -> Result<Self::Op, Refusal> {
        match wanted {
            Wanted::Put(key, value) => Ok(self.put(key, value)),
            Wanted::Delete(_, Some(_)) => Err(Refusal::Whole),
            Wanted::Delete(key, None) => self.remove(&key).ok_or(Refusal::NoValue(key)),
            _ => Err(Refusal::OtherKind(Self::KIND)),
        }
    }

    fn look(&self, question: Question) -> Result<Reply, Refusal> {
        let put = |(key, value): (&String, &String)| Put {
            key: key.clone(),
            value: value.clone(),
        };
        match question {
            Question::Get(None) => Ok(Reply::Puts(self.iter().map(put).collect())),
            Question::Get(Some(key)) => match self.get(&key) {
                Some(value) => Ok(Reply::Value(value.clone())),
                None => Err(Refusal::NoValue(key)),
            },
            _ => Err(Refusal::OtherKind(Self::KIND)),
        }
    }

    fn effect(op: &Self::Op) -> Effect {
        match op.clone() {
            map::Op::Put { key, value, .. } => Effect::Put { key, value },
            map::Op::Remove { key, .. } => Effect::Delete { key },
        }
    }

    fn words(&self) -> Vec<String> {
        words(self.iter().map(|(key, _)| key))
    }
}

impl Service for Text {
    const KIND: Kind = Kind::Text;

    fn operation(&self, wanted: Wanted) -> Result<Self::Op, Refusal> {
        let len = self.len();
        let (operation, end) = match wanted {
            Wanted::Insert(at, text) => (self.insert(at, &text), at),
            Wanted::Delete(at, count) => {
                let position: usize = at.parse().map_err(|_| Refusal::NoPosition(at))?;
                let end = position.saturating_add(count.unwrap_or(1));
                (self.delete(position..end), end)
            }
            _ => return Err(Refusal::OtherKind(Self::KIND)),
        };
        match operation {
            Some(operation) => Ok(operation),
            None if end > len => Err(Refusal::BeyondTheEnd { end, len }),
            None => Err(Refusal::Invalid("a deletion of nothing".to_owned())),
        }
    }

    fn look(&self, question: Question) -> Result<Reply, Refusal> {
        match question {
            Question::Get(None) => Ok(Reply::Value(self.to_string())),
            _ => Err(Refusal::OtherKind(Self::KIND)),
        }
    }

    fn effect(op: &Self::Op) -> Effect {
        match op {
            text::Op::Insert { elements, .. } => Effect::Insert {
                text: elements.iter().collect(),
            },
            text::Op::Delete { spans } => {
                let len = |span: &text::Span| u64::from(span.last) + 1 - u64::from(span.first);
                let count = spans.iter().map(len).sum();
                Effect::Shorten { count }
            }
        }
    }

    fn words(&self) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use bft_crdts::{Actor, SecureBroadcastAlgorithm};

    use super::*;

    #[test]
    fn a_text_is_put_read_and_deleted_and_one_that_is_not_there_is_told() {
        let mut texts = Texts::new(Actor::from_bytes([1; 32]));
        let word = |word: &str| word.to_owned();
        let get = |texts: &Texts| texts.look(Question::Get(Some(word("a"))));
        assert_eq!(get(&texts), Err(Refusal::NoValue(word("a"))));
        let put = texts.operation(Wanted::Put(word("a"), word("b")));
        texts.apply(put.expect("a put"));
        assert_eq!(get(&texts), Ok(Reply::Value(word("b"))));
        let delete = |texts: &Texts| texts.operation(Wanted::Delete(word("a"), None));
        texts.apply(delete(&texts).expect("it is there"));
        assert_eq!(get(&texts), Err(Refusal::NoValue(word("a"))));
        assert_eq!(delete(&texts), Err(Refusal::NoValue(word("a"))));
        let part = texts.operation(Wanted::Delete(word("a"), Some(1)));
        assert_eq!(part, Err(Refusal::Whole));
    }

    #[test]
    fn characters_are_inserted_and_deleted_and_those_beyond_the_end_are_told() {
        let mut text = Text::new(Actor::from_bytes([1; 32]));
        let word = |word: &str| word.to_owned();
        let insert = text.operation(Wanted::Insert(0, word("bread")));
        text.apply(insert.expect("the start"));
        let delete = text.operation(Wanted::Delete(word("1"), Some(2)));
        text.apply(delete.expect("two of five"));
        let delete = text.operation(Wanted::Delete(word("2"), None));
        text.apply(delete.expect("the last of three"));
        let all = text.look(Question::Get(None));
        assert_eq!(all, Ok(Reply::Value(word("ba"))));
        let beyond = |end| Err(Refusal::BeyondTheEnd { end, len: 2 });
        let insert = Wanted::Insert(3, word("x"));
        assert_eq!(text.operation(insert), beyond(3));
        let delete = |at: &str, count| text.operation(Wanted::Delete(word(at), count));
        assert_eq!(delete("1", Some(2)), beyond(3));
        assert_eq!(delete("1", Some(usize::MAX)), beyond(usize::MAX));
        assert!(matches!(delete("1", Some(0)), Err(Refusal::Invalid(_))));
        assert_eq!(delete("b", None), Err(Refusal::NoPosition(word("b"))));
    }

    #[test]
    fn a_counter_is_no_map_and_a_map_no_counter() {
        let counter = Counter::new(Actor::from_bytes([1; 32]));
        let put = Wanted::Put(String::new(), String::new());
        assert_eq!(
            counter.operation(put),
            Err(Refusal::OtherKind(Kind::Counter))
        );
        let texts = Texts::new(Actor::from_bytes([1; 32]));
        let increase = texts.operation(Wanted::Increase(1));
        assert_eq!(increase, Err(Refusal::OtherKind(Kind::Map)));
    }
}
