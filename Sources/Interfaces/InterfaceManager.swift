import Glibc
import HostSystem
public import Household
public import Netlink
import Wire

/// Makes the kernel's interfaces look as the configuration wants, in the network namespace of the calling thread.
///
/// Applying is idempotent, and so is starting: what was done before is found in the kernel. Nothing is undone at the end but by
/// ``teardown()``.
public final class InterfaceManager {
  /// Changes made so far: netlink requests and tunables, failed ones included.
  public private(set) var writes = 0

  /// What was applied last.
  public private(set) var model: HouseholdModel?

  private let session: RouteSession
  private var missing: Set<String> = []
  private var wanted: [WantedInterface] = []
  /// The interfaces that the kernel had after the last apply, by number.
  private var names: [Int32: String] = [:]

  /// How often the kernel is compared and corrected in one go. Twice is needed where taking an address away took others with it.
  private static let passes = 3

  private let writeTunable: (Sysctl.Key, String) throws(SystemError) -> Void

  public convenience init(_ session: RouteSession) { self.init(session, writeTunable: Sysctl.write) }

  /// - Parameter writeTunable: Stands in for /proc/sys.
  init(_ session: RouteSession, writeTunable: @escaping (Sysctl.Key, String) throws(SystemError) -> Void) {
    self.session = session
    self.writeTunable = writeTunable
  }

  /// Compares, corrects, reads back and compares again. What cannot be had leaves the rest working.
  ///
  /// - Returns: The problems, a sentence each; none: the kernel has all that is wanted.
  @discardableResult
  public func apply(_ model: HouseholdModel) -> [String] {
    self.model = model
    wanted = WantedInterface.all(of: model)
    var run = Run()
    var plan: InterfacePlan
    do throws(NetlinkError) {
      plan = try self.plan(for: model)
      for _ in 0..<Self.passes where plan.steps.contains(where: run.isOpen) {
        for step in plan.steps where run.isOpen(step) { perform(step, &run) }
        plan = try self.plan(for: model)
      }
    } catch {
      return [error.description]
    }
    missing = plan.missing
    let undone = plan.steps.filter(run.isOpen).map { "could not \($0) for good: something else changes it back" }
    return plan.problems + run.problems + undone
  }

  /// Whether what has happened calls for ``apply(_:)`` of the same model: an interface that was missing is there; one that was there is gone, has
  /// another name, is switched off, or lacks an address that it should have. What was made good by a later event of the same burst does not count.
  public func isAffected(by events: [RouteEvent]) -> Bool {
    var off: Set<Int32> = []
    var lost: Set<InterfaceAddress> = []
    for event in events {
      switch event {
      case .link(let link):
        let before = wantedName(of: link.id.index)
        if missing.contains(link.id.name) || before != nil && before != link.id.name { return true }
        if before != nil, !link.isUp { off.insert(link.id.index) } else { off.remove(link.id.index) }
      case .linkRemoved(let link):
        if wanted.contains(where: { $0.name == link.name }), !missing.contains(link.name) { return true }
      case .address(let address): lost.remove(address.address)
      case .addressRemoved(let address):
        guard let name = names[address.link] else { continue }
        if wanted.contains(where: { $0.name == name && $0.has(address.address) }) { lost.insert(address.address) }
      case .overrun: return true
      default: continue
      }
    }
    return !off.isEmpty || !lost.isEmpty
  }

  private func wantedName(of index: Int32) -> String? {
    names[index].flatMap { name in wanted.contains { $0.name == name } ? name : nil }
  }

  /// Takes away everything that Lares has put there: interfaces, addresses, routes, forwarding.
  ///
  /// - Returns: The problems, a sentence each.
  @discardableResult
  public func teardown() -> [String] {
    var run = Run()
    do throws(NetlinkError) {
      let actual = try InterfaceSnapshot(reading: session, for: [])
      let routes = try session.routes(.v4, table: nil) + session.routes(.v6, table: nil)
      for step in InterfacePlan.teardown(actual: actual, routes: routes) { perform(step, &run) }
    } catch {
      return [error.description]
    }
    (model, missing, wanted, names) = (nil, [], [], [:])
    return run.problems
  }

  /// The interfaces that the model applied last names, as the kernel has them now.
  public func snapshot() throws(NetlinkError) -> [LinkFact] {
    guard let model else { return [] }
    let actual = InterfaceSnapshot(links: try session.links(), addresses: try session.addresses())
    return WantedInterface.all(of: model).map { LinkFact($0, actual) }
  }

  private func plan(for model: HouseholdModel) throws(NetlinkError) -> InterfacePlan {
    let actual = try InterfaceSnapshot(reading: session, for: WantedInterface.all(of: model))
    names = Dictionary(actual.links.map { ($0.id.index, $0.id.name) }) { first, _ in first }
    return InterfacePlan(model: model, actual: actual)
  }
}

// MARK: - Carrying out

extension InterfaceManager {
  /// What went wrong while a plan was carried out.
  private struct Run {
    var failures: [(step: InterfaceStep, code: Int32, problem: String)] = []
    /// Interfaces that could not be made: what concerns them is not tried.
    var unmade: Set<String> = []

    /// One sentence each, but tunables that fail for the same reason have one for all.
    var problems: [String] {
      var problems: [String] = []
      var told: Set<Int32> = []
      for failure in failures {
        guard case .setTunable = failure.step else {
          problems.append(failure.problem)
          continue
        }
        guard told.insert(failure.code).inserted else { continue }
        let others = failures.count { other in
          if case .setTunable = other.step { other.code == failure.code } else { false }
        }
        problems.append(failure.problem + (others > 1 ? " (and \(others - 1) more tunables)" : ""))
      }
      return problems
    }

    func isOpen(_ step: InterfaceStep) -> Bool {
      !failures.contains { $0.step == step }
        && ![step.interface, step.standsOn].contains { $0.map(unmade.contains) == true }
    }
  }

  private func perform(_ step: InterfaceStep, _ run: inout Run) {
    guard run.isOpen(step) else { return }
    do {
      try perform(step)
    } catch {
      let code = (error as? NetlinkError)?.code ?? (error as? SystemError)?.code ?? 0
      if step.isSatisfied(by: code) { return }
      run.failures.append((step, code, "\(error)"))
      switch step {
      case .createBridge(let name, _), .createVLAN(let name, _, _): run.unmade.insert(name)
      default: break
      }
    }
  }

  private func perform(_ step: InterfaceStep) throws {
    switch step {
    case .setTunable(let key, let value):
      writes += 1
      try writeTunable(key, value)
    case .createBridge(let name, let hardware):
      try send(.create(name, .bridge(BridgeOptions()), hardware: hardware))
    case .createVLAN(let name, let trunk, let tag):
      try send(.create(name, .vlan(parent: try find(trunk), tag: tag)))
    case .mark(let name, let mark): try send(.change(try find(name), LinkChange(alias: mark.rawValue)))
    case .remove(let name): try send(.delete(try find(name)))
    case .configureBridge(let name): try send(.change(bridge: try find(name), BridgeOptions()))
    case .join(let name, let bridge): try send(.change(try find(name), LinkChange(master: try find(bridge))))
    case .leave(let name): try send(.change(try find(name), LinkChange(master: .some(nil))))
    case .isolate(let name, let isIsolated):
      try send(.change(port: try find(name), BridgePortOptions(isIsolated: isIsolated)))
    case .setHardware(let name, let hardware): try setHardware(of: try find(name), hardware)
    case .setMTU(let name, let mtu): try send(.change(try find(name), LinkChange(mtu: mtu)))
    case .addAddress(let address, let name): try send(.add(address, to: try find(name)))
    case .removeAddress(let address, let name): try send(.delete(address, from: try find(name)))
    case .switchOn(let name): try send(.change(try find(name), LinkChange(isUp: true)))
    case .removeRoute(let route): try send(.delete(route))
    }
  }

  private func send(_ request: NetlinkRequest) throws(NetlinkError) {
    writes += 1
    try session.perform(request)
  }

  private func find(_ name: String) throws(NetlinkError) -> LinkID {
    guard let link = try session.link(named: name) else {
      throw NetlinkError(code: ENODEV, attempt: "looking for interface \(name)")
    }
    return link.id
  }

  /// Some drivers change the address only of a port that is switched off.
  private func setHardware(of link: LinkID, _ hardware: MACAddress) throws(NetlinkError) {
    do throws(NetlinkError) {
      try send(.change(link, LinkChange(hardware: hardware)))
    } catch  where error.code == EBUSY {
      try send(.change(link, LinkChange(isUp: false)))
      try send(.change(link, LinkChange(hardware: hardware)))
      try send(.change(link, LinkChange(isUp: true)))
    }
  }
}

extension InterfaceStep {
  /// Whether an error says that there is nothing left to do: what is to go is gone, what is to come is there.
  fileprivate func isSatisfied(by code: Int32) -> Bool {
    switch self {
    case .setTunable: code == ENOENT
    case .remove: code == ENODEV
    case .leave: code == ENODEV
    case .removeAddress: code == EADDRNOTAVAIL || code == ENODEV
    case .removeRoute: code == ESRCH
    case .addAddress: code == EEXIST
    default: false
    }
  }
}

extension LinkFact {
  fileprivate init(_ wanted: WantedInterface, _ actual: InterfaceSnapshot) {
    let link = actual.link(named: wanted.name)
    self.init(
      interface: wanted.name, isPresent: link != nil, isUp: link?.isUp ?? false, hasCarrier: link?.hasCarrier ?? false,
      hardware: link?.hardware, mtu: link?.mtu ?? 0,
      addresses: link.map { actual.addresses(of: $0).map(\.address).sorted() } ?? [], role: wanted.role)
  }
}
