//! Every open order of the exchange, and the way from an id to it.

use crate::types::{AccountId, MarketId, OrderId, Outcome, Shares, Side, index};
use std::collections::VecDeque;

/// A half of a book, in terms of the first outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Buys of the first outcome and sales of the second.
    Bid,
    /// Sales of the first outcome and buys of the second.
    Ask,
}

impl Half {
    /// Where an order belongs: buying one outcome is the same wish as selling the other.
    #[must_use]
    pub const fn of(side: Side, outcome: Outcome) -> Self {
        match (side, outcome) {
            (Side::Buy, Outcome::Yes) | (Side::Sell, Outcome::No) => Self::Bid,
            (Side::Sell, Outcome::Yes) | (Side::Buy, Outcome::No) => Self::Ask,
        }
    }

    /// The half it trades against.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }
}

/// Where an open order lies. Valid until that order is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(super) u32);

pub(super) const NIL: u32 = u32::MAX;

/// One open order, as it is read.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Its id.
    pub id: OrderId,
    /// What has not traded yet.
    pub remaining: Shares,
    /// What was asked for.
    pub quantity: Shares,
    /// Whose it is.
    pub account: AccountId,
    /// Its market.
    pub market: MarketId,
    /// Where the exchange keeps the account's position on that market.
    pub position: u32,
    /// Its price as a level of the market's grid, in terms of the first outcome.
    pub level: u16,
    /// Which answer.
    pub outcome: Outcome,
    /// Buy or sell.
    pub side: Side,
    /// Whether it ends by itself.
    pub expires: bool,
}

/// What a match or a cancel needs of an order, its place in its level's queue included: half a cache line,
/// because a book of 100,000 orders has to come from a far cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Queued {
    pub(super) id: OrderId,
    pub(super) remaining: Shares,
    pub(super) next: u32,
    pub(super) prev: u32,
    account: AccountId,
    pub(super) level: u16,
    wish: Wish,
    expires: bool,
}

/// What only its owner's accounts need of it.
#[derive(Clone, Copy, Debug)]
struct Aside {
    quantity: Shares,
    market: MarketId,
    position: u32,
}

/// A side and an outcome in one byte.
#[derive(Clone, Copy, Debug)]
enum Wish {
    BuyYes,
    SellYes,
    BuyNo,
    SellNo,
}

impl Wish {
    const fn of(side: Side, outcome: Outcome) -> Self {
        match (side, outcome) {
            (Side::Buy, Outcome::Yes) => Self::BuyYes,
            (Side::Sell, Outcome::Yes) => Self::SellYes,
            (Side::Buy, Outcome::No) => Self::BuyNo,
            (Side::Sell, Outcome::No) => Self::SellNo,
        }
    }

    const fn parts(self) -> (Side, Outcome) {
        match self {
            Self::BuyYes => (Side::Buy, Outcome::Yes),
            Self::SellYes => (Side::Sell, Outcome::Yes),
            Self::BuyNo => (Side::Buy, Outcome::No),
            Self::SellNo => (Side::Sell, Outcome::No),
        }
    }
}

impl Queued {
    pub(super) const fn half(&self) -> Half {
        let (side, outcome) = self.wish.parts();
        Half::of(side, outcome)
    }
}

impl Open {
    /// An order that stands nowhere yet.
    #[must_use]
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "a plain record; every field is named where it is made")]
    pub fn new(
        id: OrderId,
        account: AccountId,
        market: MarketId,
        position: u32,
        (side, outcome): (Side, Outcome),
        level: u16,
        (quantity, remaining): (Shares, Shares),
        expires: bool,
    ) -> Self {
        Self { id, remaining, quantity, account, market, position, level, outcome, side, expires }
    }

    /// The half of the book it stands in.
    #[must_use]
    pub const fn half(&self) -> Half {
        Half::of(self.side, self.outcome)
    }
}

const PAGE_BITS: u32 = 12;
const PAGE: usize = 1 << PAGE_BITS;

/// Ids that lie close together share a page; a page whose orders are all gone is used again.
#[derive(Debug)]
struct Page {
    slots: Slots,
    live: u32,
}

/// Of a fixed length, so that the offset of an id needs no check.
type Slots = Box<[u32; PAGE]>;

fn no_slots() -> Slots {
    Box::new([NIL; PAGE])
}

/// The slab of open orders and the index into it.
#[derive(Debug, Default)]
pub struct Orders {
    queued: Vec<Queued>,
    /// Beside `queued`, slot by slot.
    aside: Vec<Aside>,
    free: Vec<u32>,
    pages: VecDeque<Option<Page>>,
    first_page: u64,
    spare: Vec<Slots>,
    open: usize,
}

impl Orders {
    /// How many orders are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Makes room, so that the next `orders` ids allocate nothing.
    pub fn reserve(&mut self, orders: usize) {
        let pages = orders / PAGE + 2;
        self.queued.reserve(orders);
        self.aside.reserve(orders);
        self.free.reserve(orders);
        self.pages.reserve(pages);
        // A page given back by its orders must find room here as well.
        self.spare.reserve(pages + self.pages.len());
        self.spare.resize_with(self.spare.len().max(pages), no_slots);
    }

    /// Takes an order in. Ids must rise from one insertion to the next.
    ///
    /// # Panics
    /// If an id lies below all that are known, or with four billion orders.
    #[inline]
    pub fn insert(&mut self, order: Open) -> Slot {
        let Open { id, remaining, quantity, account, market, position, level, .. } = order;
        let wish = Wish::of(order.side, order.outcome);
        let expires = order.expires;
        let queued = Queued { id, remaining, next: NIL, prev: NIL, account, level, wish, expires };
        let aside = Aside { quantity, market, position };
        let slot = if let Some(slot) = self.free.pop() {
            self.queued[index(slot)] = queued;
            self.aside[index(slot)] = aside;
            slot
        } else {
            self.queued.push(queued);
            self.aside.push(aside);
            u32::try_from(self.queued.len() - 1).expect("BUG: four billion open orders")
        };
        self.note(id, slot);
        self.open += 1;
        Slot(slot)
    }

    /// Where the order with this id lies, if it is open.
    #[must_use]
    #[inline]
    pub fn find(&self, id: OrderId) -> Option<Slot> {
        let page = (id.0 >> PAGE_BITS).checked_sub(self.first_page)?;
        let page = self.pages.get(usize::try_from(page).ok()?)?.as_ref()?;
        let slot = page.slots[offset(id)];
        (slot != NIL).then_some(Slot(slot))
    }

    /// The order at a slot.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: Slot) -> Open {
        let Queued { id, remaining, account, level, wish, expires, .. } = self.queued[index(slot.0)];
        let Aside { quantity, market, position } = self.aside[index(slot.0)];
        let (side, outcome) = wish.parts();
        Open { id, remaining, quantity, account, market, position, level, outcome, side, expires }
    }

    #[inline]
    pub(super) fn queued(&self, slot: u32) -> &Queued {
        &self.queued[index(slot)]
    }

    #[inline]
    pub(super) fn queued_mut(&mut self, slot: u32) -> &mut Queued {
        &mut self.queued[index(slot)]
    }

    /// Forgets an order. It must have been taken out of its ladder.
    #[inline]
    pub fn remove(&mut self, slot: Slot) {
        let id = self.queued(slot.0).id;
        self.forget(id);
        self.free.push(slot.0);
        self.open -= 1;
    }

    /// Every open order, in no particular sequence.
    pub fn iter(&self) -> impl Iterator<Item = Open> {
        self.pages
            .iter()
            .flatten()
            .flat_map(|page| page.slots.iter())
            .filter(|slot| **slot != NIL)
            .map(|slot| self.get(Slot(*slot)))
    }

    #[inline]
    fn note(&mut self, id: OrderId, slot: u32) {
        let number = id.0 >> PAGE_BITS;
        let at =
            usize::try_from(number.wrapping_sub(self.first_page)).expect("BUG: a page number beyond memory");
        let page = match self.pages.get_mut(at) {
            Some(Some(page)) => page,
            Some(None) | None => self.turn_page(number),
        };
        page.slots[offset(id)] = slot;
        page.live += 1;
    }

    // Once in 4,096 ids.
    #[cold]
    fn turn_page(&mut self, number: u64) -> &mut Page {
        if self.pages.is_empty() {
            self.first_page = number;
        }
        let at = number.checked_sub(self.first_page).expect("BUG: order ids must rise");
        let at = usize::try_from(at).expect("BUG: a page number beyond memory");
        while self.pages.len() <= at {
            self.pages.push_back(None);
        }
        self.pages[at]
            .get_or_insert_with(|| Page { slots: self.spare.pop().unwrap_or_else(no_slots), live: 0 })
    }

    #[inline]
    fn forget(&mut self, id: OrderId) {
        let at =
            usize::try_from((id.0 >> PAGE_BITS) - self.first_page).expect("BUG: a page number beyond memory");
        let last = self.pages.len() - 1;
        let page = self.pages[at].as_mut().expect("BUG: an open order without a page");
        page.slots[offset(id)] = NIL;
        page.live -= 1;
        // The newest page still fills up: giving it back now would only fetch it again.
        if page.live == 0 && at != last {
            self.give_back(at);
        }
    }

    #[cold]
    fn give_back(&mut self, at: usize) {
        self.spare.extend(self.pages[at].take().map(|page| page.slots));
        while matches!(self.pages.front(), Some(None)) {
            self.pages.pop_front();
            self.first_page += 1;
        }
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "twelve bits are kept on purpose"
)]
const fn offset(id: OrderId) -> usize {
    id.0 as usize & (PAGE - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn order(id: u64) -> Open {
        let nothing = (Shares::ZERO, Shares::ZERO);
        Open::new(OrderId(id), AccountId(1), MarketId(1), 0, (Side::Buy, Outcome::Yes), 1, nothing, false)
    }

    proptest! {
        // Every step looks at whole pages, so a few cases are enough work.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn an_open_order_is_found_and_a_closed_one_is_not(steps in prop::collection::vec((1_u64..6_000, any::<bool>()), 1..100)) {
            let (mut orders, mut model, mut id) = (Orders::default(), BTreeMap::new(), 0);
            for (jump, close) in steps {
                if close && !model.is_empty() {
                    let pick = usize::try_from(jump).expect("small") % model.len();
                    let (&gone, &slot) = model.iter().nth(pick).expect("inside");
                    model.remove(&gone);
                    orders.remove(slot);
                } else {
                    id += jump;
                    model.insert(id, orders.insert(order(id)));
                }
                prop_assert_eq!(orders.len(), model.len());
                let mut found: Vec<_> = orders.iter().map(|open| open.id.0).collect();
                found.sort_unstable();
                prop_assert_eq!(found, model.keys().copied().collect::<Vec<_>>());
                prop_assert_eq!(orders.find(OrderId(id + 1)), None);
                for (&id, &slot) in &model {
                    prop_assert_eq!(orders.find(OrderId(id)), Some(slot));
                }
            }
        }
    }
}
