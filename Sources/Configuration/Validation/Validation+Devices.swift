import Household
import Wire

extension Validation {
  mutating func checkDevices() {
    checkRecognition()
    checkDeviceAddresses()
    let people = sources.names(of: "person")
    for device in model.devices {
      guard let person = device.person, !people.contains(person), !isUncertain("person") else { continue }
      report(
        ["device", device.name, "person"], "there is no person \"\(person)\"", found: person,
        hint: suggestion(for: person, among: people.sorted(), kind: "person"))
    }
  }

  /// What a device is recognised by belongs to it alone.
  private mutating func checkRecognition() {
    var hardware: [MACAddress: ConfigurationPath] = [:]
    var identifiers: [[UInt8]: ConfigurationPath] = [:]
    for device in model.devices {
      let path: ConfigurationPath = ["device", device.name]
      for (index, address) in device.hardware.enumerated() {
        claim(address, "\(address)", path, "hardware", index, device.hardware.count, in: &hardware)
      }
      for (index, identifier) in device.clientIdentifiers.enumerated() {
        let text = OctetText(bytes: identifier).description
        claim(identifier, text, path, "client-id", index, device.clientIdentifiers.count, in: &identifiers)
      }
    }
  }

  private mutating func claim<Mark: Hashable>(
    _ mark: Mark, _ text: String, _ device: ConfigurationPath, _ key: String, _ index: Int, _ count: Int,
    in seen: inout [Mark: ConfigurationPath]
  ) {
    let path = self.path(device.appending(key), index, of: count)
    guard let other = seen.updateValue(path, forKey: mark) else { return }
    report(
      path, "\(text) stands at \(other) too (\(place(other)))", found: text, hint: "it can belong to one device only")
  }

  private mutating func checkDeviceAddresses() {
    var holders: [IPAddress: ConfigurationPath] = [:]
    let routers = Dictionary(
      model.networks.flatMap { network in network.addresses.map { ($0.address, network.name) } },
      uniquingKeysWith: { first, _ in first })
    for device in model.devices {
      var used: [(prefix: IPPrefix, network: String)] = []
      for (index, address) in device.addresses.enumerated() {
        let path = self.path(["device", device.name, "address"], index, of: device.addresses.count)
        if let other = holders.updateValue(path, forKey: address) {
          report(
            path, "\(address) is the address of \(other) too (\(place(other)))", found: "\(address)",
            hint: "give each device an address of its own")
        }
        if let network = routers[address] {
          report(
            path, "\(address) is the router's own address in network.\(network)", found: "\(address)",
            hint: "choose another address")
          continue
        }
        guard let (prefix, network) = homeNetwork(of: address) else {
          reportOutside(address, path)
          continue
        }
        if used.contains(where: { $0.prefix == prefix }) {
          report(
            path, "the device has an address in network.\(network) already", found: "\(address)",
            hint: "a device has one address in each network and family")
        }
        used.append((prefix, network))
        if address == prefix.address || (address.family == .v4 && address == prefix.lastAddress) {
          report(
            path, "\(address) is no address of a device in \(prefix)", found: "\(address)",
            hint: "the first and the last address of a network belong to nobody")
        }
      }
    }
  }

  private func homeNetwork(of address: IPAddress) -> (prefix: IPPrefix, network: String)? {
    for network in model.networks {
      if let prefix = network.prefixes.first(where: { $0.contains(address) }) { return (prefix, network.name) }
    }
    return nil
  }

  private mutating func reportOutside(_ address: IPAddress, _ path: ConfigurationPath) {
    guard !incomplete.contains("network") else { return }
    let prefixes = model.networks.flatMap(\.prefixes).filter { $0.family == address.family }
    report(
      path, "\(address) is in none of the networks", found: "\(address)",
      hint: prefixes.isEmpty
        ? "no network has \(address.family == .v4 ? "IPv4" : "IPv6") addresses"
        : "the networks are \(prefixes.map(\.description).joined(separator: ", "))")
  }
}
