// address-server: the DHCPv4 server alone on one or more interfaces, for tests that kill it and for its benchmark.
//
//   address-server FOLDER LEASE-SECONDS PROBES NETWORK…      NETWORK: INTERFACE=ADDRESS/LENGTH=FIRST-LAST
//
// It writes "ready" to standard output when it serves, and each change of its problems to standard error.

import AddressService
import Glibc
import HostSystem
import Household
import Wire

func network(_ text: String, leaseSeconds: UInt32) -> Network? {
  let parts = text.split(separator: "=").map(String.init)
  guard parts.count == 3, let address = InterfaceAddress(parts[1]) else { return nil }
  let ends = parts[2].split(separator: "-").compactMap { IPv4Address(String($0)) }
  guard ends.count == 2, ends[0] <= ends[1] else { return nil }
  return Network(
    name: parts[0], interfaces: [parts[0]], addresses: [address],
    dhcp: DHCPSettings(pool: ends[0]...ends[1], leaseSeconds: leaseSeconds))
}

let arguments = CommandLine.arguments
guard arguments.count >= 5, let leaseSeconds = UInt32(arguments[2]), let probes = Int(arguments[3]),
  let domain = DomainName("home.arpa")
else {
  print("usage: address-server FOLDER LEASE-SECONDS PROBES INTERFACE=ADDRESS/LENGTH=FIRST-LAST …")
  exit(64)
}
let networks = arguments[4...].compactMap { network($0, leaseSeconds: leaseSeconds) }
let log = Log(daemon: "addresses")
do {
  let loop = try EventLoop()
  var limits = DHCPServer.Limits()
  limits.probeQuestions = probes
  let folders = Folders(state: arguments[1] + "/state", run: arguments[1] + "/run")
  let daemon = try AddressDaemon(folders: folders, loop: loop, log: log, limits: limits)
  daemon.onProblemsChange = { log.warning("problems: \(daemon.problems)") }
  daemon.apply(model: HouseholdModel(domain: domain, networks: networks), commit: 1)
  try loop.handleSignals([SIGTERM, SIGINT]) { _ in loop.stop() }
  _ = write(STDOUT_FILENO, "ready\n", 6)
  try loop.run()
} catch {
  log.error("\(error)")
  exit(1)
}
