//! One request for a file: which file, which of its codings, whether the client has it, which parts (RFC 9110 sections 12
//! to 15). Opens nothing itself.

use super::content::{Content, Piece, SMALL, body};
use super::mime;
use super::range::{self, Wanted as Ranges};
use super::resolve::wanted;
use super::store::{Facts, Found, Store};
use super::validators::{Judgement, Validators};
use crate::compression::{Coding, is_text, preferences};
use crate::spec::FilesSpec;
use crate::{Config, Endpoint, Flow, Head, Problem, Reply, Request, Response, media};
use rustix::io::Errno;
use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::ops::Range;
use std::path::PathBuf;
use std::task::Context;

/// Serves what is below a directory, or one file.
#[derive(Debug)]
pub(super) struct Files {
    store: Store,
    single: Option<&'static str>,
    /// Segments of the path that are not the file's.
    depth: usize,
    index: String,
    fallback: Option<String>,
    precompressed: bool,
    dotfiles: bool,
    cache_control: Option<String>,
    /// The app compresses texts of at least so many bytes.
    compresses: Option<u64>,
}

/// A file that will be the answer.
struct Chosen {
    facts: Facts,
    content: Content,
    media_type: &'static str,
    coding: Option<Coding>,
    /// It stands for what is not there.
    is_fallback: bool,
}

impl Endpoint for Files {
    fn call(&self, request: Request<'_>, _: &mut Context<'_>) -> Flow {
        Flow::Done(self.answer(request.head))
    }
}

impl Files {
    pub(super) fn new(
        spec: &FilesSpec,
        path: &str,
        root: PathBuf,
        single: bool,
        config: &Config,
    ) -> Self {
        let name = root
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Self {
            store: Store::new(root, single),
            single: single.then(|| mime::of(&name)),
            depth: path
                .split('/')
                .filter(|segment| !segment.is_empty())
                .count(),
            index: spec.index.clone(),
            fallback: spec.fallback.clone(),
            precompressed: spec.precompressed && !single,
            dotfiles: spec.dotfiles,
            cache_control: spec.cache_control.clone(),
            compresses: config.compression.then_some(config.compression_min),
        }
    }

    fn answer(&self, head: &Head<'_>) -> Reply {
        let chosen = match self.choose(head)? {
            Ok(chosen) => chosen,
            Err(moved) => return Ok(moved),
        };
        let validators = self.validators(&chosen);
        match validators.judge(head) {
            Judgement::Failed => Err(Problem::precondition_failed(
                "the file is another one by now",
            )),
            Judgement::NotModified => Ok(self.fields(&chosen, validators, Response::empty(304))),
            Judgement::Go => self.send(head, &chosen, validators),
        }
    }

    /// The file that is asked for, or the way to it.
    fn choose(&self, head: &Head<'_>) -> Result<Result<Chosen, Response>, Problem> {
        if let Some(media_type) = self.single {
            return match self.find("")? {
                Some(Found::File(facts, content)) => Ok(Ok(chosen(facts, content, media_type))),
                _ => Err(missing()),
            };
        }
        let raw = below(head.path(), self.depth);
        let Some(wanted) = wanted(raw.unwrap_or_default(), self.dotfiles) else {
            return Err(missing());
        };
        let file = |path: &str| -> Result<Option<Chosen>, Problem> {
            Ok(match self.find(path)? {
                Some(Found::File(facts, content)) => Some(self.coded(head, path, facts, content)?),
                _ => None,
            })
        };
        if !wanted.directory {
            match self.find(&wanted.path)? {
                Some(Found::File(facts, content)) => {
                    return Ok(Ok(self.coded(head, &wanted.path, facts, content)?));
                }
                Some(Found::Directory) if self.file_in(&wanted.path)? => {
                    return Ok(Err(slashed(head)));
                }
                _ => {}
            }
        } else if !self.index.is_empty()
            && let Some(chosen) = file(&joined(&wanted.path, &self.index))?
        {
            return Ok(match raw {
                Some(_) => Ok(chosen),
                // `/assets`: names in its page are relative to `/assets/`.
                None => Err(slashed(head)),
            });
        }
        match &self.fallback {
            Some(fallback) if takes_pages(head) => {
                let mut chosen = file(fallback)?.ok_or_else(missing)?;
                chosen.is_fallback = true;
                Ok(Ok(chosen))
            }
            _ => Err(missing()),
        }
    }

    fn file_in(&self, path: &str) -> Result<bool, Problem> {
        if self.index.is_empty() {
            return Ok(false);
        }
        let found = self.find(&joined(path, &self.index))?;
        Ok(matches!(found, Some(Found::File(..))))
    }

    /// `None` is not found, for whatever reason.
    fn find(&self, path: &str) -> Result<Option<Found>, Problem> {
        match self.store.find(path) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => {
                let problem =
                    Problem::unavailable("too many files are open").header("retry-after", "1");
                Err(problem)
            }
            Err(error @ Errno::IO) => {
                Err(Problem::internal("").because(format!("the file cannot be read: {error}")))
            }
            Err(_) => Ok(None),
        }
    }

    /// The file, or the one beside it that is coded as the client likes it better.
    fn coded(
        &self,
        head: &Head<'_>,
        path: &str,
        facts: Facts,
        content: Content,
    ) -> Result<Chosen, Problem> {
        let plain = Chosen {
            is_fallback: self.fallback.as_deref() == Some(path),
            ..chosen(facts, content, mime::of(path))
        };
        if !self.precompressed {
            return Ok(plain);
        }
        for coding in preferences(head.headers.all("accept-encoding")) {
            let beside = format!("{path}.{}", coding.extension());
            if let Some(Found::File(facts, content)) = self.find(&beside)? {
                return Ok(Chosen {
                    facts,
                    content,
                    coding: Some(coding),
                    ..plain
                });
            }
        }
        Ok(plain)
    }

    /// Strong, as size and time tell two states of a file apart; weak where the app may compress the file on its way.
    fn validators(&self, chosen: &Chosen) -> Validators {
        let Facts {
            size,
            modified,
            nanoseconds,
            ..
        } = chosen.facts;
        let variant = match chosen.coding {
            Some(coding) => format!("-{}", coding.name()),
            None => String::new(),
        };
        let modified = u64::try_from(modified).unwrap_or(0);
        Validators::new(
            size,
            modified,
            nanoseconds,
            &variant,
            self.is_compressed_later(chosen),
        )
    }

    fn is_compressed_later(&self, chosen: &Chosen) -> bool {
        let size = chosen.facts.size;
        let fits = self
            .compresses
            .is_some_and(|least| (least..=SMALL).contains(&size));
        fits && chosen.coding.is_none() && is_text(media::essence(chosen.media_type))
    }

    /// What every answer says about the file, 304 included (section 15.4.5).
    fn fields(&self, chosen: &Chosen, validators: Validators, mut response: Response) -> Response {
        let mut say = |name: &'static str, value: Cow<'static, str>| {
            response.headers.push((name.into(), value))
        };
        say("etag", validators.tag.into());
        say("last-modified", validators.date.into());
        if let Some(policy) = &self.cache_control {
            // A page that stands for every address must not outlive the next release.
            let policy = if chosen.is_fallback {
                "no-cache"
            } else {
                policy
            };
            say("cache-control", policy.to_owned().into());
        }
        if let Some(coding) = chosen.coding {
            say("content-encoding", coding.name().into());
        }
        if self.precompressed || self.is_compressed_later(chosen) {
            say("vary", "accept-encoding".into());
        }
        if chosen.is_fallback {
            say("vary", "accept".into());
        }
        response
    }

    fn send(&self, head: &Head<'_>, chosen: &Chosen, validators: Validators) -> Reply {
        let size = chosen.facts.size;
        let asked = head.headers.get("range").filter(|_| head.method == "GET");
        let ranges = match asked.filter(|_| validators.allows_range(head)) {
            Some(field) => range::read(field, size),
            None => Ranges::Whole,
        };
        let (mut status, mut media_type, mut content_range) =
            (206, Cow::Borrowed(chosen.media_type), None);
        let pieces = match ranges {
            Ranges::Unsatisfiable => {
                let problem = Problem::range_not_satisfiable(format!("the file has {size} bytes"));
                return Err(problem.header("content-range", format!("bytes */{size}")));
            }
            Ranges::Whole => {
                status = 200;
                vec![Piece::Part(0..size)]
            }
            Ranges::Parts(parts) => match &parts[..] {
                [part] => {
                    content_range = Some(within(part, size));
                    vec![Piece::Part(part.clone())]
                }
                _ => {
                    let boundary = boundary();
                    media_type = format!("multipart/byteranges; boundary={boundary}").into();
                    multipart(parts, &boundary, chosen.media_type, size)
                }
            },
        };
        let mut response = self.fields(chosen, validators, Response::empty(status));
        response
            .headers
            .push(("accept-ranges".into(), "bytes".into()));
        if let Some(range) = content_range {
            response
                .headers
                .push(("content-range".into(), range.into()));
        }
        response.content_type = Some(media_type);
        let unsent = head.method == "HEAD";
        response.body = body(&chosen.content, pieces, unsent).map_err(|error| {
            Problem::internal("").because(format!("the file cannot be read: {error}"))
        })?;
        Ok(response)
    }
}

/// One file as the answer to a request with this head, which has one if its path is a file's.
pub(crate) fn one(path: PathBuf, head: &Head<'_>) -> Reply {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let single = Some(mime::of(&name));
    let files = Files {
        store: Store::new(path, true),
        single,
        depth: 0,
        index: String::new(),
        fallback: None,
        precompressed: false,
        dotfiles: false,
        cache_control: None,
        compresses: None,
    };
    files.answer(head)
}

fn chosen(facts: Facts, content: Content, media_type: &'static str) -> Chosen {
    Chosen {
        facts,
        content,
        media_type,
        coding: None,
        is_fallback: false,
    }
}

/// The same for everything that is refused: nobody learns why.
fn missing() -> Problem {
    Problem::not_found("there is no such file")
}

/// The raw path behind the first `depth` segments; `None` when it ends with them.
fn below(path: &str, depth: usize) -> Option<&str> {
    let mut rest = path.strip_prefix('/')?;
    for _ in 0..depth {
        rest = rest.split_once('/')?.1;
    }
    Some(rest)
}

fn joined(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// The address of a directory ends with `/`, so that relative addresses in its page are right.
fn slashed(head: &Head<'_>) -> Response {
    let query = head.query();
    let mark = if query.is_empty() { "" } else { "?" };
    let location = format!("{}/{mark}{query}", head.path());
    Response::empty(308).header("location", location)
}

/// Whether the client is a browser on its way to a page: it says `text/html` in so many words.
fn takes_pages(head: &Head<'_>) -> bool {
    head.headers.all("accept").any(|field| {
        let text = String::from_utf8_lossy(field).to_ascii_lowercase();
        text.split(',')
            .any(|item| media::essence(item.trim()) == "text/html")
    })
}

fn within(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

/// Section 14.6.
fn multipart(parts: Vec<Range<u64>>, boundary: &str, media_type: &str, size: u64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut before = "";
    for part in parts {
        let range = within(&part, size);
        pieces.push(Piece::Text(format!(
            "{before}--{boundary}\r\ncontent-type: {media_type}\r\ncontent-range: {range}\r\n\r\n"
        )));
        pieces.push(Piece::Part(part));
        before = "\r\n";
    }
    pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n")));
    pieces
}

/// What no file holds by chance, and nobody can know before.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
