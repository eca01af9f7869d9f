import LibraryOS
import Testing
import Wire

@Suite struct BootArgumentsTests {
  private func parse(_ text: String) -> BootArguments {
    Array(text.utf8).withUnsafeBytes { BootArguments($0) }
  }

  @Test func devicesAndAddresses() {
    let arguments = parse(
      "console=x network.lan.mac=02:00:00:00:00:50  network.lan.address=192.168.77.50/24 "
        + "network.lan.address=fd00::50/64 quiet virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=4K@0xd0000000:5:1"
    )
    #expect(arguments.hardwareAddress(ofNetwork: "lan") == MACAddress(value: 0x0200_0000_0050))
    #expect(
      arguments.addresses(ofNetwork: "lan")?.map(\.description) == ["192.168.77.50/24", "fd00::50/64"])
    #expect(arguments.devices.map(\.base) == [0xfeb0_0e00, 0xd000_0000])
    #expect(arguments.devices.map(\.size) == [512, 4096])
    #expect(arguments.devices.map(\.line) == [12, 5])
    #expect(arguments.values("quiet") == [""])
    #expect(arguments.values("absent") == [])
    #expect(arguments.hardwareAddress(ofNetwork: "dmz") == nil)
    #expect(arguments.addresses(ofNetwork: "dmz") == [])
  }

  @Test(arguments: ["", " ", "=", "==", "a", "network.lan.mac", "network.lan.mac=", "network.lan.mac=02:00"])
  func nothingUseful(text: String) {
    #expect(parse(text).hardwareAddress(ofNetwork: "lan") == nil)
    #expect(parse(text).devices == [])
  }

  @Test func oneWrongAddressIsNotPassedOver() {
    let arguments = parse("network.lan.address=192.168.77.50/24 network.lan.address=192.168.77.51/33")
    #expect(arguments.addresses(ofNetwork: "lan") == nil)
  }

  @Test(arguments: [
    "", "512", "512@", "512@0x", "512@0xfeb00000", "512@0xfeb00000:", "512@0xfeb00000:5x", "255@0xfeb00000:5",
    "512@0xfeb00000:4294967296", "512@0x1ffffffffffffffff:5", "18446744073709551615M@0x1000:5", "-1@0x1000:5",
    "@0x1000:5", "512:0x1000@5",
  ])
  func noDevice(text: String) { #expect(MMIODevice(text) == nil) }
}
