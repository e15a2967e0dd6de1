"""Order of visits and their division into days, by OR-Tools. Pure: no database, no clock.

Times are minutes from local midnight. The search takes a first solution and improves it until no
single step helps, so the same question gets the same answer on any machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ortools.constraint_solver import pywrapcp, routing_enums_pb2

# Roads are longer than the straight line, here by a third; the speed counts towns and country alike.
DETOUR = 1.3
KMH = 50.0
FIXED = 5  # minutes to park and walk, on every way between two places
EARTH_KM = 6371.0088  # mean radius (IUGG)
LATE = 10_000  # what a missed closing time weighs, in minutes of travel
DROPPED = 1_000_000  # what a visit left out of every day weighs
NEW_DAY = 20_000  # what one more day weighs: days are filled before another is begun


@dataclass(frozen=True)
class Place:
    """Where a visit is: (latitude, longitude) in degrees if known; ``area``: its municipality."""

    point: tuple[float, float] | None = None
    area: int | None = None


@dataclass(frozen=True)
class Stop:
    """A visit to be placed: ``minutes`` long, begun no earlier than ``opens``, over by ``closes``."""

    place: Place
    minutes: int
    opens: int | None = None
    closes: int | None = None


@dataclass(frozen=True)
class Timed:
    """A stop in its place of the order. ``travel`` from the one before; None: not known."""

    index: int  # of the stop among those given
    starts: int
    ends: int
    travel: int | None
    late: bool  # it would be over after the place closes


@dataclass(frozen=True)
class Days:
    """Per slot the indexes of its stops, in order; ``left``: those that no slot took."""

    slots: list[list[int]]
    left: list[int]


Table = dict[tuple[int, int], int]


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance of two points (haversine)."""
    lat1, lon1, lat2, lon2 = (math.radians(degrees) for degrees in (*one, *other))
    part = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(part)))


def travel_minutes(one: Place, other: Place, table: Table | None = None) -> int | None:
    """Minutes between two places: as given for their municipalities, else by the straight line.

    None where one of them is not known to lie anywhere.
    """
    if table and one.area is not None and other.area is not None and one.area != other.area:
        given = table.get((one.area, other.area), table.get((other.area, one.area)))
        if given is not None:
            return given
    if one.point is None or other.point is None:
        return None
    return FIXED + math.ceil(kilometres(one.point, other.point) * DETOUR / KMH * 60)


def timed(
    stops: Sequence[Stop], order: Sequence[int], starts: int, table: Table | None = None
) -> list[Timed]:
    """When each stop of an order is reached: the team waits for opening, and is late where it is."""
    clock, rows = starts, []
    before: Stop | None = None
    for index in order:
        stop = stops[index]
        travel = None if before is None else travel_minutes(before.place, stop.place, table)
        begin = clock + (travel or 0)
        if stop.opens is not None:
            begin = max(begin, stop.opens)
        clock = begin + stop.minutes
        late = stop.closes is not None and clock > stop.closes
        rows.append(Timed(index, begin, clock, travel, late))
        before = stop
    return rows


def _worth(stops: Sequence[Stop], order: Sequence[int], starts: int, ends: int,
           table: Table | None) -> tuple[int, int, int, int]:  # fmt: skip
    """What makes one order better than another, smaller is better: places found closed, minutes
    over the working day, minutes on the road, the hour at which the team is done."""
    rows = timed(stops, order, starts, table)
    done = rows[-1].ends if rows else starts
    return (
        sum(row.late for row in rows), max(0, done - ends),
        sum(row.travel or 0 for row in rows), done,
    )  # fmt: skip


def order_stops(
    stops: Sequence[Stop], starts: int, ends: int, table: Table | None = None
) -> list[int]:
    """The best order found for one day; never a worse one than that given.

    What lies nowhere known comes last, unless its hours ask for the order given. Of equal orders
    the one nearest to that given.
    """
    lost = [i for i, stop in enumerate(stops) if stop.place.point is None]
    known = [i for i, stop in enumerate(stops) if stop.place.point is not None]
    found = _solve([stops[i] for i in known], 1, starts, ends, table, hard=False)
    tried = [known + lost, [known[i] for i in found.slots[0]] + lost, list(range(len(stops)))]
    return min(tried, key=lambda order: _worth(stops, order, starts, ends, table))


def divide(
    stops: Sequence[Stop], allowed: Sequence[Sequence[int]], slots: int, starts: int, ends: int,
    table: Table | None = None,
) -> Days:  # fmt: skip
    """Divide stops into days (``slots`` of them, the earlier preferred) that each fit into the hours.

    ``allowed``: per stop the slots in which it may stand. A stop whose way is unknown counts as if
    it lay where the others do.
    """
    fits = [
        number for number, stop in enumerate(stops)
        if allowed[number] and fits_into(stop, starts, ends)
    ]  # fmt: skip
    if not fits:
        return Days([[] for _ in range(slots)], list(range(len(stops))))
    found = _solve(
        [stops[i] for i in fits], slots, starts, ends, table, hard=True,
        allowed=[allowed[i] for i in fits],
    )  # fmt: skip
    placed = [[fits[i] for i in order] for order in found.slots]
    taken = {i for order in placed for i in order}
    return Days(placed, [i for i in range(len(stops)) if i not in taken])


def fits_into(stop: Stop, starts: int, ends: int) -> bool:
    """Whether the visit fits between opening and closing and into working hours at all."""
    begin = max(starts, stop.opens if stop.opens is not None else starts)
    return begin + stop.minutes <= min(ends, stop.closes if stop.closes is not None else ends)


def _solve(
    stops: Sequence[Stop], slots: int, starts: int, ends: int, table: Table | None, *, hard: bool,
    allowed: Sequence[Sequence[int]] | None = None,
) -> Days:  # fmt: skip
    """One routing model: node 0 is nowhere (a day begins and ends at no cost), node i+1 is stop i.

    ``hard``: a day ends in time and nothing is late, else the stop is left out; otherwise nothing
    is left out and lateness only costs.
    """
    if not stops:
        return Days([[] for _ in range(slots)], [])
    manager = pywrapcp.RoutingIndexManager(len(stops) + 1, slots, 0)
    model = pywrapcp.RoutingModel(manager)
    way = _ways(stops, table)
    road = model.RegisterTransitMatrix(way)
    spent = model.RegisterTransitMatrix(
        [[minutes + (stops[a - 1].minutes if a else 0) for minutes in way[a]]
         for a in range(len(way))]
    )  # fmt: skip
    model.SetArcCostEvaluatorOfAllVehicles(road)
    horizon = ends if hard else 100 * 24 * 60
    model.AddDimension(spent, horizon, horizon, False, "clock")
    clock = model.GetDimensionOrDie("clock")
    for slot in range(slots):
        clock.CumulVar(model.Start(slot)).SetRange(starts, starts)
        if hard:
            model.SetFixedCostOfVehicle(NEW_DAY + slot, slot)
        else:
            clock.SetCumulVarSoftUpperBound(model.End(slot), ends, 10)
    for number, stop in enumerate(stops):
        node = manager.NodeToIndex(number + 1)
        _window(model, clock, node, stop, starts, horizon, hard)
        if hard:
            model.AddDisjunction([node], DROPPED)
            if allowed is not None and len(allowed[number]) < slots:
                model.VehicleVar(node).SetValues([-1, *allowed[number]])
    answer = model.SolveWithParameters(_parameters())
    return _read(manager, model, answer, len(stops), slots)


def _ways(stops: Sequence[Stop], table: Table | None) -> list[list[int]]:
    size = len(stops) + 1
    way = [[0] * size for _ in range(size)]
    for a in range(1, size):
        for b in range(1, size):
            if a != b:
                way[a][b] = travel_minutes(stops[a - 1].place, stops[b - 1].place, table) or 0
    return way


def _window(model: pywrapcp.RoutingModel, clock: pywrapcp.RoutingDimension, node: int, stop: Stop,
            starts: int, horizon: int, hard: bool) -> None:  # fmt: skip
    """``hard``: the visit fits (``fits_into``) and is over in time; the way home is not counted."""
    latest = (stop.closes if stop.closes is not None else horizon) - stop.minutes
    if stop.opens is not None:
        clock.CumulVar(node).SetMin(max(stop.opens, starts))
    if hard:
        clock.CumulVar(node).SetMax(min(latest, horizon - stop.minutes))
    elif stop.closes is not None:
        clock.SetCumulVarSoftUpperBound(node, max(latest, 0), LATE)


def _parameters() -> pywrapcp.DefaultRoutingSearchParameters:
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = (
        routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    )
    # Steps that only ever improve, until none does: no clock and no chance decides.
    parameters.local_search_metaheuristic = (
        routing_enums_pb2.LocalSearchMetaheuristic.GREEDY_DESCENT
    )
    parameters.log_search = False
    return parameters


def _read(
    manager: pywrapcp.RoutingIndexManager, model: pywrapcp.RoutingModel,
    answer: pywrapcp.Assignment | None, count: int, slots: int,
) -> Days:  # fmt: skip
    if answer is None:
        return Days([[] for _ in range(slots)], list(range(count)))
    days = []
    for slot in range(slots):
        order, index = [], answer.Value(model.NextVar(model.Start(slot)))
        while not model.IsEnd(index):
            order.append(manager.IndexToNode(index) - 1)
            index = answer.Value(model.NextVar(index))
        days.append(order)
    placed = {i for order in days for i in order}
    return Days(days, [i for i in range(count) if i not in placed])
