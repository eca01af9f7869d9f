import Household
import Wire

extension Validation {
  mutating func checkInterfaces() {
    var users: [String: ConfigurationPath] = [:]
    for uplink in model.uplinks {
      let path: ConfigurationPath = ["uplink", uplink.name, "interface"]
      claim(uplink.device, path, by: path, in: &users)
    }
    for network in model.networks {
      let path: ConfigurationPath = ["network", network.name, "interfaces"]
      if network.interfaces.isEmpty {
        report(path, "a network has at least one port", hint: "name one, such as [\"lan0\"]")
      }
      for (index, device) in network.portDevices.enumerated() {
        claim(device, self.path(path, index, of: network.interfaces.count), by: path, in: &users)
      }
    }
    for network in model.networks where network.interfaces.count > 1 { checkBridge(network, users) }
  }

  /// An interface, or a tag on one, belongs to one network or uplink. Different tags of a port are different interfaces.
  private mutating func claim(
    _ device: String, _ path: ConfigurationPath, by user: ConfigurationPath, in users: inout [String: ConfigurationPath]
  ) {
    if device.utf8.count > 15 {
      report(
        path, "the interface \(device) would have a name of \(device.utf8.count) bytes, and the kernel takes 15",
        found: device, hint: "rename the port, so that its name leaves room for the tag")
    }
    guard let other = users[device] else {
      users[device] = user
      return
    }
    let owner = ConfigurationPath(Array(other.elements.dropLast()))
    report(
      path, "\(device) is already used by \(owner) (\(place(other)))", found: device,
      hint: "an interface belongs to one network or uplink; VLANs share a port by different tags")
  }

  private mutating func checkBridge(_ network: Network, _ users: [String: ConfigurationPath]) {
    let path: ConfigurationPath = ["network", network.name]
    if network.name.utf8.count > 12 {
      report(
        path, "the name has \(network.name.utf8.count) bytes, and a network of several ports takes at most 12",
        found: network.name, hint: "its bridge is called br-NAME, and the kernel takes 15 bytes")
    }
    if let other = users[network.device] {
      report(
        other, "\(network.device) is the bridge of \(path) (\(place(path)))", found: network.device,
        hint: "name the ports of the network, not its bridge")
    }
  }
}
