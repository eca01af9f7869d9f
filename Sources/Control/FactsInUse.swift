import HostSystem
import Household

/// The facts of other daemons that the API shows.
final class FactsInUse {
  let daemons: [String: FactReader<DaemonFact>]
  let metrics: [FactReader<MetricFact>]
  let links: FactReader<LinkFact>
  let uplinks: FactReader<UplinkFact>
  let checks: FactReader<Check>
  let neighbours: FactReader<NeighbourFact>
  let rules: FactReader<RuleFact>
  let firewallLog: FactReader<FirewallLogEntry>
  let leases: FactReader<Lease>
  let names: FactReader<NameFact>

  init(folders: Folders, loop: EventLoop) {
    func reader<Value>(_ kind: FactKind<Value>) -> FactReader<Value> { FactReader(kind, in: folders, loop: loop) }
    let names = ControlDaemon.appliers
    daemons = Dictionary(uniqueKeysWithValues: names.map { ($0, reader(FactKinds.daemon($0))) })
    metrics = names.map { reader(FactKinds.metrics(of: $0)) }
    links = reader(FactKinds.links)
    uplinks = reader(FactKinds.uplinks)
    checks = reader(FactKinds.checks)
    neighbours = reader(FactKinds.neighbours)
    rules = reader(FactKinds.rules)
    firewallLog = reader(FactKinds.firewallLog)
    leases = reader(FactKinds.leases)
    self.names = reader(FactKinds.names)
  }
}
