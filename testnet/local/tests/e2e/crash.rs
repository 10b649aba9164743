//! Nodes die at any moment, under load.

use std::time::Duration;

use crate::support::Net;
use crate::support::checks::{certified_everywhere, quiet_logs, same_history};
use crate::support::load::Load;

/// Kills in all.
const KILLS: u32 = 50;
/// Transactions a second meanwhile.
const RATE: u32 = 240;
/// Where the choices begin; printed with a failure by its name here.
const SEED: u64 = 0x51ED_2026;

/// xorshift64*: the same choices in every run.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    fn node(&mut self) -> u32 {
        u32::try_from(self.below(4)).expect("below four")
    }
}

#[test]
fn fifty_kills_under_load_lose_nothing_and_sign_nothing_twice() {
    let net = Net::start(4, 0, &[]);
    let all = [0, 1, 2, 3];
    let load = Load::start(&net, &all, RATE, SEED);
    let mut choices = Choices(SEED);
    let (mut kills, mut killed_all) = (0, false);
    while kills < KILLS {
        let first = choices.node();
        let victims = if !killed_all && kills >= KILLS / 2 {
            // A power cut of the whole city.
            killed_all = true;
            all.to_vec()
        } else if choices.below(8) == 0 {
            vec![first, (first + 1 + u32::try_from(choices.below(3)).expect("below three")) % 4]
        } else {
            vec![first]
        };
        for victim in &victims {
            net.kill(*victim);
        }
        kills += u32::try_from(victims.len()).expect("at most four");
        net.start_nodes(&victims);
        std::thread::sleep(Duration::from_millis(choices.below(600)));
    }
    let certified = load.finish();
    certified_everywhere(&net, &all, &certified);
    let height = same_history(&net, &all);
    quiet_logs(&net);
    println!("{kills} kills, {} transactions certified, height {height}", certified.len());
}
