import ArgumentParser
import HostSystem

/// The daemons that there are, with what each may do.
enum DaemonName: String, CaseIterable, ExpressibleByArgument {
  case control, network, addresses, names

  /// All that it keeps of root's rights.
  var capabilities: Capabilities {
    switch self {
    case .control: []
    case .network: [.networkAdministration, .rawNetwork, .bindService]
    case .addresses: [.rawNetwork, .bindService]
    case .names: [.bindService]
    }
  }

  /// The user it runs as where user ids can be changed. Control runs as the owner of the configuration's folder, for
  /// it reads and writes the files there.
  ///
  /// The numbers are from systemd's range for dynamic users, so they belong to nobody on an ordinary machine.
  func user(configurationOwner: UInt32) -> UInt32 {
    switch self {
    case .control: configurationOwner
    case .network: 61_185
    case .addresses: 61_186
    case .names: 61_187
    }
  }
}

/// The folders that all parts of one running Lares are given.
struct RunOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Folder with lares.toml.", valueName: "dir"), completion: .directory)
  var config = "/etc/lares"
  @Option(help: ArgumentHelp("Folder for what must last.", valueName: "dir"), completion: .directory)
  var state = Folders.system.state
  @Option(
    help: ArgumentHelp(
      "Folder for facts and sockets of the running daemons.",
      discussion: "Default: STATE/run, or /run/lares with the default state folder.", valueName: "dir"),
    completion: .directory)
  var run: String?

  var folders: Folders {
    let isSystem = state == Folders.system.state
    return Folders(state: state, run: run ?? (isSystem ? Folders.system.run : state + "/run"))
  }

  /// The same as arguments, for a child.
  var arguments: [String] { ["--config", config, "--state", state, "--run", folders.run] }
}
