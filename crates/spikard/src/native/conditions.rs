//! What a request says of the file that it wants: conditions and ranges (RFC 9110 sections 13 and 14). Knows no route.

use super::describe::Describe;
use super::extract::Extract;
use crate::head::Field;
use crate::{Head, Headers, Problem, Reply, Request, files};
use std::path::Path;

/// An argument of a handler that answers with a file of its own choice.
///
/// ```
/// use spikard::{App, Conditions, Path, Reply, State, TestClient};
/// use std::path::PathBuf;
///
/// async fn invoice(State(folder): State<PathBuf>, Path(id): Path<u64>, asked: Conditions) -> Reply {
///     let invoice = asked.file(folder.join(format!("{id}.txt")))?;
///     Ok(invoice.header("content-disposition", format!("attachment; filename=\"invoice-{id}.txt\"")))
/// }
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("7.txt"), "seven bolts")?;
/// let app = App::new("Shop", "1.0.0").state(folder.path().to_owned()).get("/invoices/{id}", invoice);
/// let client = TestClient::new(app)?;
/// let whole = client.get("/invoices/7").wait();
/// assert_eq!((whole.text(), whole.header("content-type")), ("seven bolts", Some("text/plain; charset=utf-8")));
/// let part = client.get("/invoices/7").header("range", "bytes=6-").wait();
/// assert_eq!((part.status, part.text()), (206, "bolts"));
/// let known = client.get("/invoices/7").header("if-none-match", whole.header("etag").unwrap_or_default()).wait();
/// assert_eq!(known.status, 304);
/// assert_eq!(client.get("/invoices/8").wait().status, 404);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    is_head: bool,
    fields: Vec<(&'static str, Vec<u8>)>,
}

impl Conditions {
    /// The file at `path` as the answer: the whole of it, parts (206), or that the client has it (304), with `etag` and `last-modified`.
    /// Its media type is that of its name; what else goes with it is added to the response. Links are followed: a path that is made of
    /// what a client sent is better served by [`App::files`](super::App::files), which does not let it out of a folder.
    ///
    /// The file is read on the worker's own thread, a large one piece by piece as the client takes it.
    ///
    /// # Errors
    /// 404 where no file is, 412 when a condition fails, 416 for ranges beyond its end.
    pub fn file(&self, path: impl AsRef<Path>) -> Reply {
        let fields: Vec<Field<'_>> = self
            .fields
            .iter()
            .map(|(name, value)| Field {
                name: name.as_bytes(),
                value,
            })
            .collect();
        let head = Head {
            method: if self.is_head { "HEAD" } else { "GET" },
            target: "/",
            headers: Headers(&fields),
        };
        files::one(path.as_ref().to_owned(), &head)
    }
}

impl Extract for Conditions {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        const ASKED: [&str; 6] = [
            "if-match",
            "if-none-match",
            "if-modified-since",
            "if-unmodified-since",
            "if-range",
            "range",
        ];
        // Of other methods they say something about the handler's own business.
        if !matches!(request.head.method, "GET" | "HEAD") {
            return Ok(Self::default());
        }
        let headers = request.head.headers;
        let fields = ASKED
            .into_iter()
            .flat_map(|name| headers.all(name).map(move |value| (name, value.to_vec())));
        Ok(Self {
            is_head: request.head.method == "HEAD",
            fields: fields.collect(),
        })
    }
}
