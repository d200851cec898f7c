"""What tests share: stores, servers, people, other parties on the loopback interface."""
