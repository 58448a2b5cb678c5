//! Hooks that note that they ran and do what the case says.

use crate::contract::Hook;
use crate::edits::edit;
use crate::{Shared, answer};
use spikard::{IntoReply as _, Passage};
use std::rc::Rc;

pub(crate) fn hook(name: String, shared: Shared) -> impl Hook {
    move |passage: Rc<Passage>| {
        let (name, shared) = (name.clone(), Shared::clone(&shared));
        async move {
            if passage.target() == "/health/live" {
                return Ok(None);
            }
            tokio::task::yield_now().await;
            let wanted = {
                let mut recording = shared.lock().expect("invariant: no holder panics");
                let wanted = recording.hooks[&name].clone();
                recording.ran.push(name);
                wanted
            };
            edit(&passage, &wanted);
            match wanted.get("reply") {
                None => Ok(None),
                Some(reply) => answer(reply, None)?.into_reply(None).map(Some),
            }
        }
    }
}
