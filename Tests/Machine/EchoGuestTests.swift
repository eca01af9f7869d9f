import Glibc
import HostSystem
import PacketSamples
import Testing
import Wire

private let host = MACAddress(value: 0x0200_0000_0001)
private let guest = MACAddress(value: 0x0200_0000_0050)
private let network = "network.lan.mac=\(guest) network.lan.address=192.168.77.50/24 network.lan.address=fd00::50/64"

private func bootEcho(_ arguments: String = network) throws -> Guest {
  try Guest(image: Guest.image("echo"), arguments: arguments, hardwareAddress: guest.description)
}

private let canMakeTaps =
  access("/dev/net/tun", R_OK | W_OK) == 0
  && (try? runCommand(["unshare", "--map-root-user", "--net", "true"]))?.isSuccess == true

@Suite struct EchoGuestTests {
  /// Ready means the gratuitous ARP and the unsolicited neighbour advertisement.
  @Test func announcesItsAddresses() throws {
    let machine = try bootEcho()
    let arp = try #require(try machine.receive())
    #expect(
      ARPMessage(arp.span.bytes.extracting(14...)) == .announcement(of: IPv4Address(192, 168, 77, 50), at: guest))
    let advertisement = try #require(try machine.receive())
    guard let packet = IPv6Packet(advertisement.span.bytes.extracting(14...)) else {
      Issue.record("the advertisement is malformed")
      return
    }
    #expect(NeighbourMessage(packet)?.target == IPv6Address("fd00::50"))
  }

  @Test func answersWhatAnotherImplementationAsks() throws {
    let machine = try bootEcho()
    try skipAnnouncements(machine)
    let questions: [PacketSample] = [
      .arpRequest, .echoRequest, .udp, .neighbourSolicitation, .echoRequestOverIPv6, .udpOverIPv6,
    ]
    for question in questions {
      try machine.send(question.bytes)
      let answer = try #require(try machine.receive(), "\(question)")
      #expect(EthernetFrame(answer.span.bytes)?.header.destination == host)
      #expect(EthernetFrame(answer.span.bytes)?.header.source == guest)
    }
    try machine.send(PacketSample.neighbourSolicitation.bytes)
    #expect(try machine.receive() == PacketSample.neighbourAdvertisement.bytes)
  }

  /// More frames than the queues have buffers, of every size, each answered with its own data.
  @Test func echoesEverySizeInOrder() throws {
    let machine = try bootEcho()
    try skipAnnouncements(machine)
    for size in stride(from: 0, through: 1472, by: 8) {
      let data = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ size) }
      try machine.send(try #require(ping(UInt32(size), data)))
      let answer = try #require(try machine.receive(), "no answer to \(size) bytes")
      guard let packet = IPv4Packet(answer.span.bytes.extracting(14...)), let reply = ICMPv4Message(packet.payload)
      else {
        Issue.record("the answer to \(size) bytes is malformed")
        return
      }
      #expect(reply.header == ICMPv4Header(type: .echoReply, rest: UInt32(size)))
      #expect(reply.payload.array == data)
    }
  }

  @Test func survivesMalformedFrames() throws {
    let machine = try bootEcho()
    try skipAnnouncements(machine)
    var mutator = PacketMutator(seed: 7)
    for _ in 0..<500 {
      let frame = mutator.frame()
      if !frame.isEmpty, frame.count <= 1518 { try machine.send(frame) }
      while try machine.receive(milliseconds: 0) != nil {}
    }
    try machine.send(try #require(ping(0xfeed_beef, [])))
    while let answer = try machine.receive() {
      guard let packet = IPv4Packet(answer.span.bytes.extracting(14...)), let reply = ICMPv4Message(packet.payload),
        reply.header.rest == 0xfeed_beef
      else { continue }
      return
    }
    Issue.record("the guest answers no more")
  }

  /// Debian's ping and the kernel's UDP over a tap, in a network namespace that goes with the script.
  @Test(.enabled(if: canMakeTaps, "needs /dev/net/tun and a network namespace: root or user namespaces"))
  func answersRealClients() throws {
    let script = """
      set -e
      ip tuntap add dev tap0 mode tap
      ip address add 192.168.77.1/24 dev tap0
      ip address add fd00::1/64 dev tap0 nodad
      ip link set tap0 up
      timeout --foreground --kill-after=5 60 "$@" </dev/null &
      trap 'kill $!; wait' EXIT
      for address in 192.168.77.50 fd00::50; do
        ping -n -c 3 -i 0.2 -w 10 $address
        exec 3<>/dev/udp/$address/7
        echo lares >&3
        timeout 5 head -c 6 <&3
      done
      """
    let tap = [
      "-netdev", "tap,id=net0,ifname=tap0,script=no,downscript=no", "-device",
      "virtio-net-device,netdev=net0,mac=\(guest)", "-append", network,
    ]
    let result = try runCommand(
      ["unshare", "--map-root-user", "--net", "bash", "-c", script, "bash"] + Guest.command(image: Guest.image("echo"))
        + tap)
    #expect(result.isSuccess, "\(result.output)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.count { $0 == "lares" } == 2, "\(result.output)")
    #expect(lines.count { $0.contains("bytes from") } >= 6, "\(result.output)")
  }

  /// It sleeps between interrupts: less than a tenth of a processor over a second.
  @Test func idleCostsNothing() throws {
    let machine = try bootEcho()
    try skipAnnouncements(machine)
    let before = try machine.processorTime()
    sleep(1)
    let used = try machine.processorTime() - before
    #expect(used < sysconf(Int32(_SC_CLK_TCK)) / 10, "\(used) ticks")
  }

  @Test(arguments: [
    ("", "echo: the arguments lack network.lan.mac=ADDRESS"),
    ("network.lan.mac=\(guest)", "echo: the arguments need network.lan.address=ADDRESS/LENGTH, once per family"),
    (
      "network.lan.mac=\(host) network.lan.address=192.168.77.50/24",
      "echo: no virtio network device has the hardware address \(host)"
    ),
  ])
  func saysWhatItLacksAndFails(arguments: String, message: String) throws {
    let machine = try bootEcho(arguments)
    #expect(try machine.console() == message + "\n")
    // QEMU's status for a guest that wrote 1 to its debug exit.
    #expect(try machine.wait() == .exited(3))
  }

  /// The whole image, for a household that runs many: a budget, to be changed on purpose.
  @Test func sizeBudget() throws {
    var information = stat()
    let path = try Guest.image("echo")
    try #require(stat(path, &information) == 0)
    #expect(information.st_size <= 96 * 1024, "\(information.st_size) bytes")
  }

  private func skipAnnouncements(_ machine: Guest) throws {
    for _ in 0..<2 { _ = try #require(try machine.receive(), "the guest does not start") }
  }

  private func ping(_ rest: UInt32, _ data: [UInt8]) -> [UInt8]? {
    writtenPacket {
      EthernetHeader(destination: guest, source: host, type: .ipv4).emit(into: &$0)
      IPv4Header(
        source: IPv4Address(192, 168, 77, 1), destination: IPv4Address(192, 168, 77, 50), protocol: .icmpv4,
        payloadLength: ICMPv4Header.length + data.count
      ).emit(into: &$0)
      ICMPv4Header(type: .echoRequest, rest: rest).emit(into: &$0) { $0.write(contentsOf: data.span.bytes) }
      return true
    }
  }
}
