//! Declared files to routes and what serves them; roots are checked here, once, at freeze.

use super::serve::Files;
use crate::config::AdditionalQuery;
use crate::spec::{FilesSpec, Policy, RouteSpec};
use crate::{Config, Endpoint, Mistake};
use std::path::{Path, PathBuf, absolute};

/// Files and where they are mounted: their whole path, prefixes of groups included.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    pub(crate) spec: FilesSpec,
    pub(crate) path: String,
}

impl Mounted {
    /// What serves them.
    pub(crate) fn endpoint(&self, config: &Config) -> Result<Box<dyn Endpoint>, Mistake> {
        let wrong = |message: String| Mistake::at(&self.spec.declared, "GET", &self.path, message);
        if self.path.len() > 1 && self.path.ends_with('/') {
            let right = self.path.trim_end_matches('/');
            return Err(wrong(format!(
                "files are mounted without a `/` at the end; write \"{right}\""
            )));
        }
        if self.path.contains("{*") {
            return Err(wrong(
                "files take the rest of the path by themselves; leave `{*...}` out".to_owned(),
            ));
        }
        let control = |text: &String| text.bytes().any(|byte| byte.is_ascii_control());
        if self.spec.cache_control.as_ref().is_some_and(control) {
            return Err(wrong(
                "cache_control holds a control character; write one such as \"max-age=3600\""
                    .to_owned(),
            ));
        }
        let root = self.root();
        let kind = std::fs::metadata(&root).map_err(|error| {
            wrong(format!(
                "root {:?} ({}) cannot be read: {error}; write the path of a directory or file that exists, \
                 relative to the file that declares it, or absolute",
                self.spec.root,
                root.display()
            ))
        })?;
        if !kind.is_dir() && !kind.is_file() {
            return Err(wrong(format!(
                "root {:?} is neither a directory nor a file",
                self.spec.root
            )));
        }
        for (name, below) in [
            ("index", Some(&self.spec.index)),
            ("fallback", self.spec.fallback.as_ref()),
        ] {
            let odd = |below: &&String| {
                !below.is_empty()
                    && super::resolve::wanted(below, true).is_none_or(|it| it.directory)
            };
            if let Some(below) = below.filter(odd) {
                return Err(wrong(format!(
                    "{name} {below:?} is no file below the root; write one such as \"index.html\""
                )));
            }
        }
        if let Some(fallback) = &self.spec.fallback
            && !root.join(fallback).is_file()
        {
            return Err(wrong(format!(
                "fallback {fallback:?} is not in {}; write the name of a file in it",
                root.display()
            )));
        }
        Ok(Box::new(Files::new(
            &self.spec,
            &self.path,
            root,
            kind.is_file(),
            config,
        )))
    }

    /// A relative root is one beside the file that declares it.
    fn root(&self) -> PathBuf {
        let beside = Path::new(&self.spec.declared.file).parent();
        let root = beside.unwrap_or(Path::new("")).join(&self.spec.root);
        absolute(&root).unwrap_or(root)
    }

    fn is_file(&self) -> bool {
        self.root().is_file()
    }
}

/// The routes of files mounted at `mounted.path`, the one that counts first; `template` has policy, tags and hooks of what
/// is around.
pub(crate) fn routes(mounted: &Mounted, endpoint: usize, template: &RouteSpec) -> Vec<RouteSpec> {
    let base = mounted.path.trim_end_matches('/');
    let mut paths = vec![format!("{base}/{{*path}}"), format!("{base}/")];
    if mounted.is_file() {
        paths = vec![mounted.path.clone()];
    } else if !base.is_empty() {
        paths.push(base.to_owned());
    }
    let route = |path| RouteSpec {
        method: "GET".to_owned(),
        path,
        handler: endpoint,
        // Addresses of files carry versions: `app.css?v=3`.
        policy: Policy {
            additional_query: Some(AdditionalQuery::Ignore),
            ..template.policy.clone()
        },
        declared: mounted.spec.declared.clone(),
        ..template.clone()
    };
    paths.into_iter().map(route).collect()
}

/// A route that is in no document.
pub(crate) fn template(
    tags: Vec<String>,
    policy: Policy,
    hooks: Vec<crate::spec::HookSpec>,
) -> RouteSpec {
    RouteSpec {
        tags,
        hidden: true,
        policy,
        hooks: if crate::defects::defect("files-without-hooks") {
            Vec::new()
        } else {
            hooks
        },
        ..RouteSpec::default()
    }
}
