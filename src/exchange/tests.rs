//! What the exchange promises, through its one door.
//!
//! `script` lets a test be a line of text in and a line of text out. `orders`, `money` and `lifecycle` are
//! tables of such lines. `random` sends commands nobody would think of and asks `model`, a plain exchange
//! that only knows who trades with whom, for its judgement.

mod groups;
mod lifecycle;
mod model;
mod money;
mod orders;
mod random;
mod script;
