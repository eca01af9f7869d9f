import Testing

@testable import StoreSync

@Suite struct PacketLineTests {
  @Test func aLineWithItsLengthStaysWithinGitsLimit() { #expect(PacketLine.maximumData + 4 == 65_520) }
}
