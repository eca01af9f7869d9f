public import Household
public import Netlink
import Wire

/// The steps from what the kernel has to what the configuration wants. Pure: the same arguments give the same plan.
///
/// On an interface that carries a home network the configured addresses are the whole truth; only link-local IPv6 addresses, and those that
/// another part of Lares keeps alive by renewing them, stay beside them. On an uplink addresses are left alone. On an interface that the
/// configuration does not name, only what bears our mark is taken away.
public struct InterfacePlan: Sendable, Equatable {
  /// In the order in which they must be done. None: the kernel has what is wanted.
  public internal(set) var steps: [InterfaceStep] = []
  /// What cannot be had, a sentence each.
  public internal(set) var problems: [String] = []
  /// Names of interfaces that are wanted, not ours to make, and not there.
  public internal(set) var missing: Set<String> = []

  public init(model: HouseholdModel, actual: InterfaceSnapshot) {
    var planner = InterfacePlanner(wanted: WantedInterface.all(of: model), actual: actual)
    planner.plan()
    steps = planner.steps
    problems = planner.problems
    missing = planner.missing
  }

  /// The steps that take away everything that we have put there: our interfaces, addresses and routes, and forwarding itself.
  public static func teardown(actual: InterfaceSnapshot, routes: [Route]) -> [InterfaceStep] {
    var planner = InterfacePlanner(wanted: [], actual: actual)
    planner.release()
    return routes.filter { $0.origin == .lares }.map { .removeRoute($0) } + planner.steps
      + InterfaceTunables.torndown.filter { actual.tunables[$0.key] != $0.value }.map { .setTunable($0.key, $0.value) }
  }
}
