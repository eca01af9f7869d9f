import AddressService
import HostSystem
import Household
import NameService

/// Runs the DHCP server until it is asked to end.
func serveAddresses(_ runtime: DaemonRuntime) throws {
  let daemon = try AddressDaemon(folders: runtime.folders, loop: runtime.loop, log: runtime.log)
  runtime.problems = { daemon.problems }
  runtime.follow { model, fact in daemon.apply(model: model, commit: fact.commit) }
  try runtime.run()
}

/// Runs the name service until it is asked to end.
func serveNames(_ runtime: DaemonRuntime) throws {
  let daemon = try NameDaemon(folders: runtime.folders, loop: runtime.loop, log: runtime.log)
  let leases = FactReader(FactKinds.leases, in: runtime.folders, loop: runtime.loop)
  let uplinks = FactReader(FactKinds.uplinks, in: runtime.folders, loop: runtime.loop)
  let neighbours = FactReader(FactKinds.neighbours, in: runtime.folders, loop: runtime.loop)
  let update = {
    let servers = uplinks.values.values.sorted { $0.name < $1.name }.flatMap(\.nameServers)
    daemon.update(
      leases: Array(leases.values.values), uplinkServers: servers, neighbours: Array(neighbours.values.values))
  }
  leases.onChange = { _ in update() }
  uplinks.onChange = { _ in update() }
  neighbours.onChange = { _ in update() }
  runtime.problems = { daemon.problems }
  runtime.willStop = { daemon.stop() }
  runtime.follow { model, fact in
    daemon.apply(model: model, commit: fact.commit, configurationFolder: fact.folder)
    update()
  }
  try runtime.run()
}
