import HostSystem
import Netlink
import Wire

/// How DHCP messages get out of an interface that may have no address, and in.
///
/// Open only while an answer is awaited: a packet socket costs a little for each packet of the interface.
final class DHCPTransport {
  private let link: Link
  private let hardware: MACAddress
  private var packets: PacketSocket?
  /// Stays until the answer has come, so that the kernel does not call the port unreachable.
  private var routed: UDPSocket?

  /// - Parameter receive: called with the UDP payload of each datagram to the client port.
  init(link: Link, hardware: MACAddress, loop: EventLoop, receive: @escaping (RawSpan) -> Void) throws(SystemError) {
    self.link = link
    self.hardware = hardware
    let filter = PacketSocket.Filter.udp(port: DHCPv4.clientPort)
    packets = try PacketSocket(
      interface: link.id.index, named: link.id.name, filter: filter, loop: loop
    ) { frame, isChecksumReady in
      guard let datagram = UDPv4FrameView(frame), datagram.hasValidChecksum || !isChecksumReady,
        datagram.frame.destination == hardware || datagram.frame.destination == .broadcast
      else { return }
      receive(datagram.payload)
    }
  }

  func close() {
    packets?.close()
    routed = nil
  }

  func broadcast(_ message: [UInt8]) throws(SystemError) {
    let frame = UDPv4Frame(
      source: hardware, destination: .broadcast, sourceAddress: .any, destinationAddress: .broadcast,
      sourcePort: DHCPv4.clientPort, destinationPort: DHCPv4.serverPort)
    if let bytes = frame.encoded(payload: message.span.bytes) { try packets?.send(bytes) }
  }

  /// Sends by the kernel's routing, from an address that the interface has. The answer comes in like all others.
  func unicast(_ message: [UInt8], from own: IPv4Address, to server: IPv4Address) throws(SystemError) {
    let socket = try UDPSocket(.v4, device: link.id.name, local: (.v4(own), DHCPv4.clientPort))
    routed = socket
    try socket.send(message, to: .v4(server), port: DHCPv4.serverPort)
  }
}
