//! What a pass over a text makes of it besides the verdict. Holds no rule: the pass asks its schema first.

use crate::json::{Digits, Text};

/// Makes values while a text is checked, in the order of the text ([`super::Schema::build`]). Each method may give
/// `None` for what it does not know: the pass ends, and the text is read another way.
///
/// A place says what the value that comes next is made as. It is up to the builder that one says "nothing": members that
/// the schema allows and the value has no room for are checked and left out.
pub trait Build {
    /// Values of which the schema asks nothing, or which only the whole of them decides, are built by their kind too. Else
    /// they are [`Build::skipped`].
    const WHOLE: bool = false;

    /// What a value is made as.
    type Place: Copy;
    /// A value.
    type Value;
    /// An array whose elements are being read.
    type Array;
    /// An object whose members are being read.
    type Object;

    /// `null`.
    fn null(&mut self, place: Self::Place) -> Option<Self::Value>;
    /// `true` or `false`.
    fn boolean(&mut self, place: Self::Place, value: bool) -> Option<Self::Value>;
    /// A number.
    fn number(&mut self, place: Self::Place, digits: Digits<'_>) -> Option<Self::Value>;
    /// A string.
    fn string(&mut self, place: Self::Place, text: Text<'_>) -> Option<Self::Value>;
    /// A value of any kind that the pass only skipped, as the schema asks nothing of it or the whole of it. Not called
    /// with [`Build::WHOLE`].
    fn skipped(&mut self, place: Self::Place) -> Option<Self::Value>;

    /// An array begins: what its elements are made as.
    fn array(&mut self, place: Self::Place) -> Option<(Self::Array, Self::Place)>;
    /// The next element.
    fn element(&mut self, array: &mut Self::Array, value: Self::Value) -> Option<()>;
    /// The array ends.
    fn close_array(&mut self, array: Self::Array) -> Option<Self::Value>;

    /// An object begins.
    fn object(&mut self, place: Self::Place) -> Option<Self::Object>;
    /// The next member's name: what its value is made as.
    fn name(&mut self, object: &mut Self::Object, name: Text<'_>) -> Option<Self::Place>;
    /// The value of the member that was named.
    fn member(&mut self, object: &mut Self::Object, value: Self::Value) -> Option<()>;
    /// The object ends.
    fn close_object(&mut self, object: Self::Object) -> Option<Self::Value>;
}

/// Makes nothing: the verdict is all.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Build for Nothing {
    type Place = ();
    type Value = ();
    type Array = ();
    type Object = ();

    #[inline]
    fn null(&mut self, (): ()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn boolean(&mut self, (): (), _: bool) -> Option<()> {
        Some(())
    }

    #[inline]
    fn number(&mut self, (): (), _: Digits<'_>) -> Option<()> {
        Some(())
    }

    #[inline]
    fn string(&mut self, (): (), _: Text<'_>) -> Option<()> {
        Some(())
    }

    #[inline]
    fn skipped(&mut self, (): ()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn array(&mut self, (): ()) -> Option<((), ())> {
        Some(((), ()))
    }

    #[inline]
    fn element(&mut self, (): &mut (), (): ()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn close_array(&mut self, (): ()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn object(&mut self, (): ()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn name(&mut self, (): &mut (), _: Text<'_>) -> Option<()> {
        Some(())
    }

    #[inline]
    fn member(&mut self, (): &mut (), (): ()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn close_object(&mut self, (): ()) -> Option<()> {
        Some(())
    }
}
