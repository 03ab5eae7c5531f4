// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {NetworkTest} from "./NetworkTest.sol";

/// @dev What tests of attacks and of bad input share: calls as bytes, so that anyone can make them, and refusals compared to the last byte.
abstract contract HostileTest is NetworkTest {
    address internal constant STRANGER = address(0x57A46E);

    // ---- calls

    function commitCall(bytes32 taskId, uint256 slot, bytes32 commitment) internal view returns (bytes memory) {
        return abi.encodeCall(consensus.commit, (taskId, slot, commitment));
    }

    function revealCall(bytes32 taskId, uint256 slot, uint8 outcome, bytes memory score, bytes32 salt)
        internal
        view
        returns (bytes memory)
    {
        return abi.encodeCall(consensus.reveal, (taskId, slot, outcome, score, salt));
    }

    /// @dev Makes a call that must succeed.
    function accepted(address caller, address target, bytes memory data, string memory what) internal {
        vm.prank(caller);
        (bool done,) = target.call(data);
        vm.assertTrue(done, what);
    }

    /// @dev Makes a call that must be refused with exactly `reason`, and leave everything as it was.
    function refused(address caller, address target, bytes memory data, bytes memory reason, string memory what)
        internal
    {
        bytes32 before = digest();
        vm.prank(caller);
        (bool done, bytes memory answer) = target.call(data);
        vm.assertFalse(done, string.concat(what, ": accepted"));
        vm.assertEq(answer, reason, what);
        vm.assertEq(digest(), before, string.concat(what, ": changed something"));
    }

    // ---- what there is

    /// @dev Tasks that `digest` looks at.
    bytes32[] internal watched;

    /// @dev One hash over all that can be read: a refused call must not change it.
    function digest() internal view virtual returns (bytes32 hash) {
        hash = keccak256(
            abi.encode(
                registry.memberCount(),
                registry.availableCount(false, 0, 0),
                registry.minimumStakeWei(),
                registry.unbondingSeconds(),
                registry.penaltyBasisPoints(),
                registry.owner(),
                registry.pendingOwner(),
                consensus.owner(),
                consensus.pendingOwner(),
                consensus.relays(),
                consensus.relayUrl(relay)
            )
        );
        hash = keccak256(
            abi.encode(
                hash,
                consensus.hammingThreshold(),
                consensus.minimumExecutionTimeoutSeconds(),
                consensus.maximumExecutionTimeoutSeconds(),
                consensus.revealWindowSeconds(),
                consensus.uploadWindowSeconds(),
                consensus.errorFeeBasisPoints(),
                consensus.minimumFeeWei()
            )
        );
        hash = keccak256(
            abi.encode(
                hash,
                token.balanceOf(address(registry)),
                token.balanceOf(address(consensus)),
                token.balanceOf(address(incentivePool)),
                incentivePool.owner(),
                incentivePool.pendingOwner()
            )
        );
        for (uint256 i = 0; i < nodes.length; ++i) {
            hash = keccak256(abi.encode(hash, registry.node(nodes[i]), _wealth(nodes[i])));
        }
        hash = keccak256(abi.encode(hash, _wealth(creator), _wealth(STRANGER), _wealth(address(this))));
        for (uint256 i = 0; i < watched.length; ++i) {
            hash = keccak256(abi.encode(hash, consensus.task(watched[i])));
        }
    }

    function _wealth(address account) private view returns (bytes32) {
        return keccak256(abi.encode(consensus.balanceOf(account), token.balanceOf(account)));
    }

    /// @dev A task in AwaitingUpload, on which all three agree; the uploader is slot 0.
    function agreed() internal returns (bytes32 taskId) {
        taskId = started();
        play(taskId, result(A), result(A), result(A));
    }

    function slotOf(bytes32 taskId, address node) internal view returns (uint256 slot) {
        address[3] memory wallets = drawn(taskId);
        while (wallets[slot] != node) ++slot;
    }

    function wrongState(bytes32 taskId, ITaskConsensus.State state) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("TaskConsensus_WrongState(bytes32,uint8)", taskId, uint8(state));
    }
}
