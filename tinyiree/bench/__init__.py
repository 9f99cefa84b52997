"""Benchmarks: what networks cost on every core, beside what other stacks need."""

from tinyiree.bench.measure import Failure, Job, Measurement, Outcome, measure, measure_all
from tinyiree.bench.networks import FRONTENDS, NETWORKS, Frontend, Network, find_networks
from tinyiree.bench.peers import Peers, read_peers
from tinyiree.bench.table import render, render_boards, to_json

__all__ = [
    "FRONTENDS",
    "NETWORKS",
    "Failure",
    "Frontend",
    "Job",
    "Measurement",
    "Network",
    "Outcome",
    "Peers",
    "find_networks",
    "measure",
    "measure_all",
    "read_peers",
    "render",
    "render_boards",
    "to_json",
]
