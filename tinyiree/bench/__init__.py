"""Benchmarks: what networks cost on every core, beside what other stacks need."""

from tinyiree.bench.layer_run import LayerRun, measure_layers
from tinyiree.bench.layer_table import layers_to_json, render_layers
from tinyiree.bench.layers import LAYERS, make_module
from tinyiree.bench.measure import Failure, Job, Measurement, Outcome, measure, measure_all
from tinyiree.bench.networks import FRONTENDS, NETWORKS, Frontend, Network, find_networks
from tinyiree.bench.peers import Peers, read_peers
from tinyiree.bench.reference import REFERENCES, load_litert
from tinyiree.bench.table import render, render_agreements, render_boards, to_json

__all__ = [
    "FRONTENDS",
    "LAYERS",
    "NETWORKS",
    "REFERENCES",
    "Failure",
    "Frontend",
    "Job",
    "LayerRun",
    "Measurement",
    "Network",
    "Outcome",
    "Peers",
    "find_networks",
    "layers_to_json",
    "load_litert",
    "make_module",
    "measure",
    "measure_all",
    "measure_layers",
    "read_peers",
    "render",
    "render_agreements",
    "render_boards",
    "render_layers",
    "to_json",
]
