"""Dynamical systems on plain functions: phase planes, limit cycles, continuation.

Every function takes a `VectorField`, such as `neurosim.vector_field` makes of a model, or a plain
function f(x, p, ...) that returns dx/dt.
"""

from __future__ import annotations

from neurosim.analysis.dynamics.bifurcations import Bifurcation as Bifurcation
from neurosim.analysis.dynamics.bifurcations import Lyapunov as Lyapunov
from neurosim.analysis.dynamics.bifurcations import first_lyapunov as first_lyapunov
from neurosim.analysis.dynamics.branches import Branch as Branch
from neurosim.analysis.dynamics.branches import continue_fixed_points as continue_fixed_points
from neurosim.analysis.dynamics.continuation import Steps as Steps
from neurosim.analysis.dynamics.cycle_branches import CycleBranch as CycleBranch
from neurosim.analysis.dynamics.cycle_branches import continue_limit_cycles as continue_limit_cycles
from neurosim.analysis.dynamics.cycles import LimitCycle as LimitCycle
from neurosim.analysis.dynamics.cycles import limit_cycle as limit_cycle
from neurosim.analysis.dynamics.diagrams import BifurcationDiagram as BifurcationDiagram
from neurosim.analysis.dynamics.diagrams import bifurcation_diagram as bifurcation_diagram
from neurosim.analysis.dynamics.field import VectorField as VectorField
from neurosim.analysis.dynamics.fixed_points import FixedPoint as FixedPoint
from neurosim.analysis.dynamics.fixed_points import FixedPoints as FixedPoints
from neurosim.analysis.dynamics.fixed_points import classify as classify
from neurosim.analysis.dynamics.fixed_points import fixed_point as fixed_point
from neurosim.analysis.dynamics.fixed_points import fixed_points as fixed_points
from neurosim.analysis.dynamics.planes import Arrows as Arrows
from neurosim.analysis.dynamics.planes import Nullcline as Nullcline
from neurosim.analysis.dynamics.planes import arrows as arrows
from neurosim.analysis.dynamics.planes import nullclines as nullclines
from neurosim.analysis.dynamics.trajectories import Manifolds as Manifolds
from neurosim.analysis.dynamics.trajectories import Trajectory as Trajectory
from neurosim.analysis.dynamics.trajectories import manifolds as manifolds
from neurosim.analysis.dynamics.trajectories import trajectory as trajectory
