import ArgumentParser
import Control
import Firewall
import Glibc
import HostSystem
import Interfaces
import Netlink

struct Teardown: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Remove the rules, addresses, routes and interfaces that Lares has put into the kernel.",
    discussion: "Stopping Lares leaves them, so that the house stays connected and closed. Leases and history are kept."
  )
  @OptionGroup var options: RunOptions
  @Flag(help: "Yes, on this very machine, not in a network namespace of its own.") var thisMachine = false

  func run() throws {
    if CurrentNetwork.isInitial, !thisMachine {
      throw ControlError.failed("this would change the machine you are on; add --this-machine if that is what you want")
    }
    let path = options.folders.run + "/lock"
    if File.owner(of: path) != nil {
      do {
        _ = try FileLock(path: path)
      } catch {
        throw ControlError.failed(
          error.code == EWOULDBLOCK ? "Lares is running: stop it first, or it would put everything back" : "\(error)")
      }
    }
    // The filter goes last: until then nothing is reachable that was not before.
    let problems = InterfaceManager(try RouteSession()).teardown()
    try FirewallManager().teardown()
    for problem in problems { printError(problem) }
    if !problems.isEmpty { throw ExitCode.failure }
    print("Removed. Leases, history and secrets are still in \(options.folders.state).")
  }
}
