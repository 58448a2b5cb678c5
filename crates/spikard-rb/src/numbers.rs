//! Numbers for what Ruby names later: slot and generation, so that the number of something that is gone finds nothing.

/// What has a number, by it.
pub(crate) struct Numbers<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Numbers<T> {
    pub(crate) fn add(&mut self, what: T) -> u64 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            u32::try_from(self.slots.len() - 1).expect("invariant: fewer than 2^32 have a number")
        });
        let place = &mut self.slots[slot as usize];
        place.1 = Some(what);
        u64::from(place.0) << 32 | u64::from(slot)
    }

    pub(crate) fn get(&mut self, number: u64) -> Option<&mut T> {
        self.place(number)?.1.as_mut()
    }

    /// It has no number any more.
    pub(crate) fn take(&mut self, number: u64) -> Option<T> {
        let place = self.place(number)?;
        // Ruby's small integers have 62 bits.
        place.0 = (place.0 + 1) & 0x3fff_ffff;
        let taken = place.1.take();
        self.free.push(number as u32);
        taken
    }

    fn place(&mut self, number: u64) -> Option<&mut (u32, Option<T>)> {
        let (generation, slot) = ((number >> 32) as u32, number as u32);
        let place = self.slots.get_mut(slot as usize)?;
        (place.0 == generation && place.1.is_some()).then_some(place)
    }
}
