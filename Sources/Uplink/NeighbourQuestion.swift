import HostSystem
import Netlink
import Wire

/// Asks one host on the link whether it is there: by ARP or Neighbour Discovery, which every host answers, also one that
/// is silent to ping. The sockets live only as long as the question.
final class NeighbourQuestion {
  private var packets: PacketSocket?
  private var timer: EventLoop.Timer?
  private var completion: ((Bool) -> Void)?

  /// - Parameters:
  ///   - source: an own address of the same family on the link.
  ///   - completion: called once, with false after `timeout` milliseconds without an answer; never after `cancel()`.
  init(
    _ target: IPAddress, from source: IPAddress, link: Link, timeout: Int64, loop: EventLoop,
    completion: @escaping (Bool) -> Void
  ) throws(SystemError) {
    self.completion = completion
    guard let hardware = link.hardware else {
      throw SystemError("asking for \(target) on \(link.id.name), which is no Ethernet interface", code: 22)
    }
    let filter: PacketSocket.Filter =
      target.family == .v4 ? .arp : .icmpv6(type: ICMPv6Kind.neighbourAdvertisement.rawValue)
    packets = try PacketSocket(
      interface: link.id.index, named: link.id.name, filter: filter, loop: loop
    ) { [unowned self] frame, _ in
      if NeighbourFrame.answers(frame, for: target, to: hardware) { finish(true) }
    }
    timer = loop.schedule(afterMilliseconds: timeout) { [weak self] in self?.finish(false) }
    guard let question = NeighbourFrame.question(target, from: source, at: hardware) else { return }
    try packets?.send(question)
  }

  deinit { cancel() }

  func cancel() {
    completion = nil
    timer?.cancel()
    packets?.close()
  }

  private func finish(_ isThere: Bool) {
    let completion = completion
    cancel()
    completion?(isThere)
  }
}

/// Watches whether somebody else has an address that this host is about to take (RFC 5227 section 2.1).
final class ConflictWatch {
  private var packets: PacketSocket?
  private let hardware: MACAddress

  init(
    link: Link, hardware: MACAddress, candidate: IPv4Address, loop: EventLoop,
    onConflict: @escaping (MACAddress) -> Void
  ) throws(SystemError) {
    self.hardware = hardware
    packets = try PacketSocket(
      interface: link.id.index, named: link.id.name, filter: .arp, loop: loop
    ) { frame, _ in
      if let other = NeighbourFrame.claimant(of: candidate, in: frame, except: hardware) { onConflict(other) }
    }
  }

  func probe(_ address: IPv4Address) throws(SystemError) {
    try packets?.send(NeighbourFrame.frame(.probe(address, from: hardware)))
  }

  func close() { packets?.close() }
}
