//! What the demo contact centre is made of, on real sockets: its link to the gateway, and the load generator.

mod customers;
mod floor;
mod gateway;
mod link;
mod load;
mod scripted;
