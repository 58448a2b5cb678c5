//! What a Rust app says about a directory or file that it serves. Reads nothing: the core does.

use crate::spec::{Declared, FilesSpec};
use std::panic::Location;
use std::path::{Path, PathBuf, absolute};

/// A directory or file to be served by [`App::files`](crate::App::files); a path alone stands for one without options.
///
/// ```
/// use spikard::{App, Files, TestClient};
///
/// let folder = tempfile::tempdir()?;
/// for (name, text) in [("home.html", "<h1>Shop</h1>"), (".well-known", "yes"), ("home.html.gz", "not gzip, for brevity")] {
///     std::fs::write(folder.path().join(name), text)?;
/// }
/// let site = Files::of(folder.path())
///     .index("home.html")
///     .fallback("home.html")
///     .precompressed()
///     .cache_control("max-age=60")
///     .dotfiles();
/// let client = TestClient::new(App::new("Site", "1.0.0").files("/", site))?;
/// assert_eq!(client.get("/").wait().text(), "<h1>Shop</h1>");
/// assert_eq!(client.get("/.well-known").wait().header("cache-control"), Some("max-age=60"));
/// assert_eq!(client.get("/basket").header("accept", "text/html").wait().text(), "<h1>Shop</h1>");
/// assert_eq!(client.get("/").header("accept-encoding", "gzip").wait().header("content-encoding"), Some("gzip"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Files {
    spec: FilesSpec,
}

impl Files {
    /// What is at `root`; a relative path is one of the working directory.
    pub fn of(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        let root = absolute(root).unwrap_or_else(|_| root.to_owned());
        Self {
            spec: FilesSpec {
                path: String::new(),
                root: root.to_string_lossy().into_owned(),
                index: "index.html".to_owned(),
                fallback: None,
                precompressed: false,
                cache_control: None,
                dotfiles: false,
                declared: Declared::default(),
            },
        }
    }

    /// The file that stands for a directory; empty for none. Default `index.html`.
    pub fn index(mut self, name: &str) -> Self {
        name.clone_into(&mut self.spec.index);
        self
    }

    /// The file below the root that stands for what is not there, for clients that take `text/html`: the page of a
    /// single-page app.
    pub fn fallback(mut self, name: &str) -> Self {
        self.spec.fallback = Some(name.to_owned());
        self
    }

    /// Send `app.css.br`, `app.css.zst` or `app.css.gz` for `app.css` to clients that take it.
    pub fn precompressed(mut self) -> Self {
        self.spec.precompressed = true;
        self
    }

    /// Value of `cache-control`; the fallback's is then `no-cache`. Default: none is sent.
    pub fn cache_control(mut self, value: &str) -> Self {
        self.spec.cache_control = Some(value.to_owned());
        self
    }

    /// Serve names that begin with a dot.
    pub fn dotfiles(mut self) -> Self {
        self.spec.dotfiles = true;
        self
    }

    pub(super) fn spec(self, path: &str, place: &Location<'_>) -> FilesSpec {
        FilesSpec {
            path: path.to_owned(),
            declared: Declared {
                name: "files".to_owned(),
                file: place.file().to_owned(),
                line: place.line(),
            },
            ..self.spec
        }
    }
}

impl From<&str> for Files {
    fn from(root: &str) -> Self {
        Self::of(root)
    }
}

impl From<String> for Files {
    fn from(root: String) -> Self {
        Self::of(root)
    }
}

impl From<&Path> for Files {
    fn from(root: &Path) -> Self {
        Self::of(root)
    }
}

impl From<PathBuf> for Files {
    fn from(root: PathBuf) -> Self {
        Self::of(root)
    }
}
