import Household
import Netlink
import Testing
import Wire

@testable import Firewall

/// Which flows end when the household changes.
@Suite struct FlowTerminationTests {
  private static let local = Set(["203.0.113.200", "192.168.77.1", "192.168.78.1", "fe80::1"].map(Models.address))

  private static func flow(
    _ source: String, _ destination: String, _ port: UInt16, forwardedTo target: (String, UInt16)? = nil,
    transport: UInt8 = 6
  ) -> Flow {
    let (from, to) = (Models.address(source), Models.address(destination))
    return Flow(
      original: FlowTuple(
        source: from, destination: to, transport: transport, sourcePort: 40_000, destinationPort: port),
      reply: FlowTuple(
        source: target.map { Models.address($0.0) } ?? to, destination: from, transport: transport,
        sourcePort: target?.1 ?? port, destinationPort: 40_000), identifier: 1, status: target == nil ? 0 : 32)
  }

  private static let web = flow("192.0.2.9", "203.0.113.200", 8080, forwardedTo: ("192.168.77.10", 80))
  private static let print = flow("192.168.78.9", "192.168.77.10", 631)
  private static let nasOut = flow("192.168.77.10", "192.0.2.9", 443)
  private static let guestOut = flow("192.168.78.9", "192.0.2.9", 443)
  private static let console = flow("192.168.77.9", "192.168.77.1", 443)
  private static let own = flow("203.0.113.200", "192.0.2.1", 53, transport: 17)
  private static let home6 = flow("fd77::9", "fd77::1", 443)
  private static let linkLocal = flow("fe80::9", "fe80::1", 443)
  private static let all = [web, print, nasOut, guestOut, console, own, home6, linkLocal]

  private static func ended(
    from base: (inout HouseholdModel) -> Void = { _ in },
    senders: [IPAddress: FlowTermination.Sender] = [:],
    _ change: (inout HouseholdModel, inout FirewallDynamics) -> Void, isOldKnown: Bool = true
  ) -> [Flow] {
    var before = Models.typical
    base(&before)
    let old = FirewallPolicy(model: before, dynamic: FirewallDynamics()).ruleset
    var (model, dynamic) = (Models.typical, FirewallDynamics())
    change(&model, &dynamic)
    return FlowTermination(
      old: isOldKnown ? old : nil, new: FirewallPolicy(model: model, dynamic: dynamic).ruleset, model: model,
      dynamic: dynamic, local: local, senders: senders
    ).flowsToEnd(all)
  }

  @Test(arguments: [true, false]) func nothingEndsWhereNothingChanges(_ isOldKnown: Bool) {
    #expect(Self.ended({ _, _ in }, isOldKnown: isOldKnown).isEmpty)
  }

  @Test func aPauseEndsWhatTheDeviceHasWithTheInternet() {
    #expect(Self.ended { $1.paused = ["nas"] } == [Self.web, Self.nasOut])
  }

  @Test func aRemovedForwardEndsItsFlows() {
    #expect(Self.ended { model, _ in model.forwards = [] } == [Self.web])
  }

  @Test func aForwardThatLeadsElsewhereEndsItsFlows() {
    #expect(Self.ended { model, _ in model.forwards[0].devicePort = 81 } == [Self.web])
    #expect(
      Self.ended { model, _ in model.devices[0].addresses = [Models.address("192.168.77.12")] } == [
        Self.web, Self.print,
      ])
  }

  @Test func aForwardForOtherSourcesEndsThoseOfTheRest() {
    #expect(Self.ended { model, _ in model.forwards[0].sources = [.prefix(Models.prefix("192.0.2.9/32"))] }.isEmpty)
    #expect(
      Self.ended { model, _ in model.forwards[0].sources = [.prefix(Models.prefix("192.0.2.8/32"))] } == [Self.web])
  }

  @Test func aTightenedAllowRuleEndsWhatItNoLongerAllows() {
    #expect(Self.ended { model, _ in model.allows[0].ports = [600...650] }.isEmpty)
    #expect(Self.ended { model, _ in model.allows[0].ports = [632...650] } == [Self.print])
    #expect(Self.ended { model, _ in model.allows = [] } == [Self.print])
  }

  @Test func anIsolatedNetworkLosesTheConsole() {
    #expect(Self.ended { model, _ in model.networks[0].isolated = true } == [Self.console, Self.home6])
  }

  @Test func strangersLoseWhatOnlyKnownDevicesHave() {
    let ended = Self.ended { model, dynamic in
      model.networks[1].unknown = .ask
      dynamic.bindings = [
        LeaseBinding(
          address: Models.ipv4("192.168.78.9"), hardware: Models.mac(Scenario.stranger), network: "guest")
      ]
    }
    #expect(ended == [Self.print, Self.guestOut])
  }

  @Test func strangersWithoutALeaseLoseThemToo() {
    #expect(Self.ended { model, _ in model.networks[1].unknown = .ask } == [Self.print, Self.guestOut])
    // Not known: it may have been a stranger's.
    #expect(
      Self.ended { model, _ in model.networks[0].unknown = .ask } == [Self.nasOut, Self.console, Self.home6])
    #expect(Self.ended({ model, _ in model.networks[0].unknown = .ask }, isOldKnown: false).isEmpty)
  }

  @Test func neighboursTellWhoIsNoStranger() {
    let guest = Models.address("192.168.78.9")
    func ended(by hardware: String, at interface: String = "lan1") -> [Flow] {
      let sender = FlowTermination.Sender(interface: interface, hardware: Models.mac(hardware))
      return Self.ended(senders: [guest: sender]) { model, _ in model.networks[1].unknown = .ask }
    }
    #expect(ended(by: Scenario.nas).isEmpty)
    #expect(ended(by: Scenario.stranger) == [Self.print, Self.guestOut])
    #expect(ended(by: Scenario.nas, at: "wan0") == [Self.print, Self.guestOut], "seen elsewhere")
  }

  /// Every link has the same prefix of such addresses: only who has seen the neighbour knows on which network it is.
  @Test func aLinkLocalSourceIsWhereItWasSeen() {
    let source = Models.address("fe80::9")
    func ended(at interface: String?, isOldKnown: Bool = true) -> Bool {
      let sender = interface.map {
        FlowTermination.Sender(interface: $0, hardware: Models.mac(Scenario.stranger))
      }
      let ended = Self.ended(
        senders: sender.map { [source: $0] } ?? [:], { model, _ in model.networks[0].isolated = true },
        isOldKnown: isOldKnown)
      return ended.contains(Self.linkLocal)
    }
    #expect(ended(at: "lan0") && ended(at: "lan0", isOldKnown: false))
    #expect(!ended(at: "lan1"), "there it was not allowed before")
    #expect(!ended(at: nil) && !ended(at: nil, isOldKnown: false))
  }

  @Test func aDeviceThatIsRemovedLosesWhatOnlyKnownDevicesHave() {
    let base: (inout HouseholdModel) -> Void = { $0.networks[0].unknown = .ask }
    #expect(Self.ended(from: base) { model, _ in base(&model) }.isEmpty)
    let ended = Self.ended(from: base) { model, _ in
      base(&model)
      model.devices = []
    }
    #expect(ended == [Self.web, Self.print, Self.nasOut, Self.console, Self.home6])
  }

  @Test func onlyWhatTakesRightsNeedsALook() throws {
    let base = Models.everything
    func needsLook(_ change: (inout HouseholdModel, inout FirewallDynamics) -> Void) throws -> Bool {
      let old = FirewallPolicy(model: base, dynamic: FirewallDynamics(paused: ["nas"])).ruleset
      var (model, dynamic) = (base, FirewallDynamics(paused: ["nas"]))
      change(&model, &dynamic)
      let new = FirewallPolicy(model: model, dynamic: dynamic).ruleset
      let changes = try #require(new.elementChanges(from: old))
      #expect(!changes.isEmpty)
      #expect(new.beforeTaking(changes) == old)
      return new.losesRights(by: changes)
    }
    #expect(try !needsLook { $1.addresses["tablet"] = [Models.address("192.168.77.120")] })
    #expect(try needsLook { $1.paused.insert("tablet") })
    #expect(try !needsLook { $1.paused = [] })
    // "bad" is blocked, "friends" may use a forward.
    #expect(try needsLook { model, _ in model.addressLists[0].members.append(Models.prefix("192.0.2.9/32")) })
    #expect(try !needsLook { model, _ in model.addressLists[0].members.removeLast() })
    #expect(try !needsLook { model, _ in model.addressLists[1].members.append(Models.prefix("198.51.100.9/32")) })
    #expect(try needsLook { model, _ in model.addressLists[1].members.removeLast() })
    let rules = FirewallPolicy(model: Models.typical, dynamic: FirewallDynamics()).ruleset
    #expect(rules.elementChanges(from: FirewallPolicy(model: base, dynamic: FirewallDynamics()).ruleset) == nil)
  }
}
