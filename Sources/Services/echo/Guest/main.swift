#if hasFeature(Embedded)
  import EchoService
  import LibraryOS

  let network = "lan"
  let arguments = Machine.arguments
  guard let hardwareAddress = arguments.hardwareAddress(ofNetwork: network) else {
    Machine.fail("echo: the arguments lack network.\(network).mac=ADDRESS")
  }
  guard let addresses = arguments.addresses(ofNetwork: network),
    var responder = EchoResponder(hardwareAddress: hardwareAddress, addresses: addresses)
  else { Machine.fail("echo: the arguments need network.\(network).address=ADDRESS/LENGTH, once per family") }

  do throws(NetworkDeviceError) {
    var device = try NetworkDevice(hardwareAddress, among: arguments.devices)
    print("echo: ready")
    device.transmit { frame in responder.announceIPv4(into: &frame) }
    device.transmit { frame in responder.announceIPv6(into: &frame) }
    while true {
      device.poll { frame, reply in responder.respond(to: frame, into: &reply) }
      Machine.sleep()
    }
  } catch {
    Machine.fail("echo: \(error.description)")
  }
#else
  import Glibc

  let notice: StaticString = "echo: this is a guest of a virtual machine: build it with `make services`\n"
  _ = write(STDERR_FILENO, notice.utf8Start, notice.utf8CodeUnitCount)
  exit(EX_UNAVAILABLE)
#endif
