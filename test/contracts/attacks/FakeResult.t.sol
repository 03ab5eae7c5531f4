// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../../contracts/libraries/Errors.sol";
import {TaskConsensus} from "../../../contracts/TaskConsensus.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {HostileTest} from "../base/HostileTest.sol";

/// @notice Security row 18, the chain's part: whoever uploads something else than what was agreed loses its stake, and the next
/// one delivers; nobody else can be made to lose his by a fault that is forged, old, borrowed or bent.
contract FakeResultTest is HostileTest {
    uint256 private constant OTHER_RELAY_KEY = 0x0bad;
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    bytes32 private _taskId;
    address private _uploader;

    function setUp() public override {
        super.setUp();
        addNodes(3);
        consensus.setRelay(vm.addr(OTHER_RELAY_KEY), "https://other.example");
        _taskId = agreed();
        watched.push(_taskId);
        _uploader = consensus.task(_taskId).uploader;
        upload(_taskId, "garbage");
    }

    function _report(bytes memory signature, bytes memory reason, string memory what) private {
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.reportFault, (_taskId, "garbage", signature)),
            reason,
            what
        );
    }

    /// @dev The reason names who really signed what the contract looks at: with a foreign message, someone unknown.
    function _reportForeign(bytes memory signature, string memory what) private {
        bytes32 before = digest();
        vm.prank(STRANGER);
        (bool done, bytes memory answer) =
            address(consensus).call(abi.encodeCall(consensus.reportFault, (_taskId, "garbage", signature)));
        vm.assertFalse(done, string.concat(what, ": accepted"));
        vm.assertEq(bytes32(bytes4(answer)), bytes32(Errors.TaskConsensus_SignerWrong.selector), what);
        vm.assertEq(digest(), before, what);
    }

    function _proof() private view returns (bytes memory) {
        return fault(RELAY_KEY, _taskId, "garbage", _uploader);
    }

    // ---- the cheat pays

    function test_TheCheatIsSlashed_TheNextOneDelivers() external {
        uint256 paidWei = consensus.balanceOf(_uploader);
        vm.prank(STRANGER);
        consensus.reportFault(_taskId, "garbage", _proof());
        assertStatus(_uploader, INodeRegistry.Status.None, "slashed");
        vm.assertEq(registry.node(_uploader).stakeWei, 0);
        uint256 bountyWei = FEE / 3;
        vm.assertEq(token.balanceOf(address(incentivePool)), STAKE - bountyWei, "the rest of the stake");

        address next = consensus.task(_taskId).uploader;
        vm.assertTrue(next != _uploader, "another one");
        uint256 beforeWei = consensus.balanceOf(next);
        upload(_taskId, "genuine");
        vm.assertEq(consensus.balanceOf(next), beforeWei + bountyWei, "out of the cheat's stake");
        vm.assertEq(consensus.balanceOf(_uploader), paidWei, "what it was paid before is its own");
        vm.assertFalse(consensus.task(_taskId).redelivery);
        assertConserved(0, "delivered");
    }

    function test_TheCheatCannotRunAway() external {
        vm.prank(_uploader);
        registry.leave();
        vm.warp(consensus.task(_taskId).uploadDeadline);
        vm.prank(_uploader);
        (bool done,) = address(registry).call(abi.encodeCall(registry.withdrawStake, ()));
        vm.assertFalse(done, "still unbonding");
        consensus.reportFault(_taskId, "garbage", _proof());
        vm.assertEq(registry.node(_uploader).stakeWei, 0, "slashed while unbonding");
        vm.warp(block.timestamp + registry.unbondingSeconds());
        vm.prank(_uploader);
        (done,) = address(registry).call(abi.encodeCall(registry.withdrawStake, ()));
        vm.assertFalse(done, "nothing to withdraw");
        vm.assertEq(token.balanceOf(_uploader), 0);
    }

    /// @dev All three of one gang: each pays with its stake, and the creator gets the last bounty.
    function test_AGangOfThree() external {
        consensus.reportFault(_taskId, "garbage", _proof());
        bytes32[2] memory digests = [bytes32("more garbage"), bytes32("still garbage")];
        for (uint256 i = 0; i < 2; ++i) {
            upload(_taskId, digests[i]);
            accuse(_taskId, digests[i]);
        }
        vm.assertFalse(consensus.task(_taskId).redelivery, "nobody is left");
        for (uint256 i = 0; i < 3; ++i) {
            assertStatus(nodes[i], INodeRegistry.Status.None, "slashed");
        }
        vm.assertEq(token.balanceOf(address(registry)), 0);
        vm.assertEq(consensus.balanceOf(creator), 1_000 ether - FEE + FEE / 3, "the last bounty");
        assertConserved(0, "over");
    }

    // ---- forged faults

    function test_SignedByAnyoneElse() external {
        uint256[3] memory keys = [uint256(1), OTHER_RELAY_KEY, 0xa11ce];
        for (uint256 i = 0; i < keys.length; ++i) {
            _report(
                fault(keys[i], _taskId, "garbage", _uploader),
                abi.encodeWithSelector(Errors.TaskConsensus_SignerWrong.selector, _taskId, vm.addr(keys[i]), relay),
                "another key"
            );
        }
    }

    function test_BorrowedSignatures() external {
        bytes32 otherTask = agreed();
        watched.push(otherTask);
        upload(otherTask, "garbage");
        address otherUploader = nodes[0] == _uploader ? nodes[1] : nodes[0];
        _reportForeign(fault(RELAY_KEY, otherTask, "garbage", _uploader), "of another task");
        _reportForeign(fault(RELAY_KEY, _taskId, "garbage", otherUploader), "for another uploader");
        _reportForeign(fault(RELAY_KEY, _taskId, "genuine", _uploader), "for another digest");
        _reportForeign(receipt(RELAY_KEY, _taskId, "garbage", 1_000, _uploader), "a receipt");

        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        bytes memory signature = _proof();
        vm.chainId(chain);
        _reportForeign(signature, "of another chain");

        TaskConsensus here = consensus;
        consensus = TaskConsensus(address(registry));
        signature = _proof();
        consensus = here;
        _reportForeign(signature, "of another contract");
    }

    /// @dev A receipt for one node is no receipt for another, nor for another task, digest or size.
    function test_BorrowedReceipts() external {
        bytes32 taskId = agreed();
        watched.push(taskId);
        address uploader = consensus.task(taskId).uploader;
        address other = uploader == nodes[0] ? nodes[1] : nodes[0];
        bytes[5] memory signatures = [
            receipt(RELAY_KEY, _taskId, "digest", 1_000, uploader),
            receipt(RELAY_KEY, taskId, "another", 1_000, uploader),
            receipt(RELAY_KEY, taskId, "digest", 1_001, uploader),
            receipt(RELAY_KEY, taskId, "digest", 1_000, other),
            fault(RELAY_KEY, taskId, "digest", uploader)
        ];
        for (uint256 i = 0; i < signatures.length; ++i) {
            bytes32 before = digest();
            vm.prank(uploader);
            (bool done, bytes memory answer) = address(consensus)
                .call(abi.encodeCall(consensus.reportUploaded, (taskId, "digest", 1_000, signatures[i])));
            vm.assertFalse(done, "accepted");
            vm.assertEq(bytes32(bytes4(answer)), bytes32(Errors.TaskConsensus_SignerWrong.selector));
            vm.assertEq(digest(), before);
        }
        // Its own receipt, in the hands of another.
        bytes memory genuine = receipt(RELAY_KEY, taskId, "digest", 1_000, uploader);
        vm.prank(other);
        (bool taken,) =
            address(consensus).call(abi.encodeCall(consensus.reportUploaded, (taskId, "digest", 1_000, genuine)));
        vm.assertFalse(taken, "another's receipt");
        // Another of the three, with a genuine receipt of its own, before its turn.
        refused(
            other,
            address(consensus),
            abi.encodeCall(
                consensus.reportUploaded, (taskId, "digest", 1_000, receipt(RELAY_KEY, taskId, "digest", 1_000, other))
            ),
            abi.encodeWithSelector(Errors.TaskConsensus_NotUploader.selector, taskId, other),
            "not its turn"
        );
        upload(taskId, "digest");
    }

    /// @dev The twin with the other s, short forms, other v, cut off, too long, empty: none counts as the relay's.
    function test_BentSignatures() external {
        bytes memory genuine = _proof();
        bytes32 r;
        bytes32 s;
        uint8 v;
        assembly ("memory-safe") {
            r := mload(add(genuine, 32))
            s := mload(add(genuine, 64))
            v := byte(0, mload(add(genuine, 96)))
        }
        bytes memory reason =
            abi.encodeWithSelector(Errors.TaskConsensus_SignerWrong.selector, _taskId, address(0), relay);
        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        _report(abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27)), reason, "high s");
        _report(abi.encodePacked(r, vs), reason, "64 bytes");
        _report(abi.encodePacked(r, s, uint8(v - 27)), reason, "v of 0 and 1");
        _report(abi.encodePacked(r, s), reason, "without v");
        _report(abi.encodePacked(r, s, v, uint8(0)), reason, "66 bytes");
        _report("", reason, "empty");
        _report(abi.encodePacked(bytes32(0), s, v), reason, "r zero");
        _report(abi.encodePacked(r, bytes32(0), v), reason, "s zero");
        _report(new bytes(65), reason, "all zero");
        consensus.reportFault(_taskId, "garbage", genuine);
    }

    function test_ByARemovedRelay() external {
        consensus.removeRelay(relay);
        _report(
            _proof(), abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, relay), "its key may be stolen"
        );
        // Named again, it is a relay for new tasks; for the old ones it stays removed.
        consensus.setRelay(relay, "https://relay.example");
        _report(_proof(), abi.encodeWithSelector(Errors.TaskConsensus_RelayUnknown.selector, relay), "for old tasks");
    }

    function test_Twice() external {
        bytes memory proof = _proof();
        consensus.reportFault(_taskId, "garbage", proof);
        _report(proof, wrongState(_taskId, ITaskConsensus.State.Completed), "while the replacement is awaited");
        upload(_taskId, "garbage");
        // The same words of the relay against the next one: they name the first.
        _reportForeign(proof, "after the replacement");
        vm.assertEq(token.balanceOf(address(registry)), 2 * STAKE, "one stake was taken");
    }

    function test_TooLate() external {
        uint256 deadline = consensus.task(_taskId).uploadDeadline;
        vm.warp(deadline + 1);
        _report(
            _proof(),
            abi.encodeWithSelector(Errors.TaskConsensus_FaultWindowClosed.selector, _taskId, deadline, deadline + 1),
            "a second late"
        );
        vm.warp(deadline);
        consensus.reportFault(_taskId, "garbage", _proof());
    }

    /// @dev Before there is an upload there is nothing to fault, and after the end of the task neither.
    function test_TooEarlyAndAfterTheEnd() external {
        bytes memory anything = fault(RELAY_KEY, _taskId, "garbage", _uploader);
        bytes32 taskId = create(request());
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.reportFault, (taskId, "garbage", anything)),
            wrongState(taskId, ITaskConsensus.State.Queued),
            "queued"
        );
        nextBlock();
        consensus.start(taskId);
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.reportFault, (taskId, "garbage", anything)),
            wrongState(taskId, ITaskConsensus.State.Started),
            "started"
        );
        play(taskId, result(A), result(B), result(C));
        refused(
            STRANGER,
            address(consensus),
            abi.encodeCall(consensus.reportFault, (taskId, "garbage", anything)),
            wrongState(taskId, ITaskConsensus.State.Aborted),
            "aborted"
        );
    }
}
