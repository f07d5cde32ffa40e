//! Networks of the family of types: a counter, and a map of texts.

use bft_crdts::types::{Counter, Map, counter, map};

use super::{Question, Service, Wanted, words};
use crate::protocol::{Kind, Put, Refusal, Reply};

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

    fn label(op: &counter::Add) -> String {
        format!("{:+}", op.amount)
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
            Wanted::Delete(key) => self.remove(&key).ok_or(Refusal::NoValue(key)),
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

    fn label(op: &Self::Op) -> String {
        match op {
            map::Op::Put { key, value, .. } => format!("{key}={value}"),
            map::Op::Remove { key, .. } => format!("-{key}"),
        }
    }

    fn words(&self) -> Vec<String> {
        words(self.iter().map(|(key, _)| key))
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
        let delete = texts.operation(Wanted::Delete(word("a")));
        texts.apply(delete.expect("it is there"));
        assert_eq!(get(&texts), Err(Refusal::NoValue(word("a"))));
        let delete = texts.operation(Wanted::Delete(word("a")));
        assert_eq!(delete, Err(Refusal::NoValue(word("a"))));
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
