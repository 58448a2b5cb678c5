//! Typed parameters to the user's types, by serde. Values were read and validated before; nothing is guessed here.

use serde::de::value::{Error, SeqDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use spikard_contract::Argument;
use std::cell::Cell;

/// Which of a request's arguments a type reads: field names and indexes.
pub(crate) type Selection = Vec<(String, usize)>;

/// The type's value, or the name of the parameter that does not fit it.
pub(crate) fn read<'p, T: DeserializeOwned>(
    selection: &'p Selection,
    arguments: &[Argument<'_>],
) -> Result<T, &'p str> {
    let at = Cell::new(0);
    let reader = Reader {
        selection,
        arguments,
        at: &at,
    };
    T::deserialize(reader).map_err(|_| {
        let failed = at
            .get()
            .saturating_sub(1)
            .min(selection.len().saturating_sub(1));
        selection.get(failed).map_or("", |(name, _)| name.as_str())
    })
}

/// A struct or map by name; a tuple by order; a single value.
#[derive(Clone, Copy)]
struct Reader<'a> {
    selection: &'a Selection,
    arguments: &'a [Argument<'a>],
    at: &'a Cell<usize>,
}

impl<'a> Reader<'a> {
    /// The next argument that was sent, and its name.
    fn next(&self) -> Option<(&'a str, &'a Argument<'a>)> {
        loop {
            let (name, index) = self.selection.get(self.at.get())?;
            self.at.set(self.at.get() + 1);
            match self.arguments.get(*index) {
                Some(Argument::Absent) | None => {}
                Some(argument) => return Some((name, argument)),
            }
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.next() {
            Some((_, argument)) => Single(argument).deserialize_any(visitor),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.next() {
            Some((_, argument)) => Single(argument).deserialize_option(visitor),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.next() {
            Some((_, argument)) => Single(argument).deserialize_enum(name, variants, visitor),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Named {
            reader: self,
            value: None,
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Named {
            reader: self,
            value: None,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Ordered(self))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Ordered(self))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        identifier ignored_any
    }
}

struct Named<'a> {
    reader: Reader<'a>,
    value: Option<&'a Argument<'a>>,
}

impl<'de> MapAccess<'de> for Named<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, argument)) = self.reader.next() else {
            return Ok(None);
        };
        self.value = Some(argument);
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Single(self.value.take().unwrap_or(&Argument::Null)))
    }
}

struct Ordered<'a>(Reader<'a>);

impl<'de> SeqAccess<'de> for Ordered<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.0
            .next()
            .map(|(_, argument)| seed.deserialize(Single(argument)))
            .transpose()
    }
}

/// One argument.
struct Single<'a>(&'a Argument<'a>);

impl<'de> Deserializer<'de> for Single<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Argument::Absent | Argument::Null => visitor.visit_unit(),
            Argument::Bool(value) => visitor.visit_bool(*value),
            Argument::Integer(value) => visitor.visit_i64(*value),
            Argument::BigInteger(digits) => match (digits.parse::<u64>(), digits.parse::<i128>()) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i128(value),
                _ => visitor.visit_str(digits),
            },
            Argument::Number(value) => visitor.visit_f64(*value),
            Argument::String(text) => visitor.visit_str(text),
            Argument::List(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(Single)))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Argument::Absent | Argument::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Argument::String(text) => {
                let text: StrDeserializer<'_, Error> = text.as_ref().into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Single<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde::Deserialize;
    use spikard_contract::Argument;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Up,
        Down,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Filter {
        tag: Option<String>,
        limit: u32,
        order: Order,
        ids: Vec<u64>,
    }

    fn names(names: &[&str]) -> Vec<(String, usize)> {
        names
            .iter()
            .enumerate()
            .map(|(index, name)| ((*name).to_owned(), index))
            .collect()
    }

    #[test]
    fn a_struct_by_name() {
        let arguments = [
            Argument::Absent,
            Argument::Integer(5),
            Argument::String("down".into()),
            Argument::List(vec![
                Argument::Integer(1),
                Argument::BigInteger("18446744073709551615".into()),
            ]),
        ];
        let filter: Filter = read(&names(&["tag", "limit", "order", "ids"]), &arguments).unwrap();
        assert_eq!(
            filter,
            Filter {
                tag: None,
                limit: 5,
                order: Order::Down,
                ids: vec![1, u64::MAX]
            }
        );
    }

    #[test]
    fn a_tuple_by_order_and_a_single_value() {
        let arguments = [Argument::String("a".into()), Argument::Integer(7)];
        assert_eq!(
            read::<(String, i64)>(&names(&["a", "b"]), &arguments),
            Ok(("a".to_owned(), 7))
        );
        assert_eq!(read::<i64>(&vec![("b".to_owned(), 1)], &arguments), Ok(7));
        assert_eq!(
            read::<Option<i64>>(
                &vec![("b".to_owned(), 1)],
                &[Argument::Null, Argument::Absent]
            ),
            Ok(None)
        );
    }

    #[test]
    fn the_parameter_that_does_not_fit_is_named() {
        let arguments = [
            Argument::Absent,
            Argument::Integer(-5),
            Argument::String("up".into()),
            Argument::List(vec![]),
        ];
        assert_eq!(
            read::<Filter>(&names(&["tag", "limit", "order", "ids"]), &arguments),
            Err("limit")
        );
    }
}
