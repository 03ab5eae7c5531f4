// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {NodePools} from "../../contracts/libraries/NodePools.sol";
import {TestBase} from "./base/TestBase.sol";

/// @notice The pools against plain arrays.
contract NodePoolsTest is TestBase {
    using NodePools for NodePools.Pools;

    NodePools.Pools private _pools;
    address[][8] private _members;
    mapping(address wallet => bool) private _available;
    mapping(address wallet => uint24) private _model;
    uint256[4] private _modelSizes;

    /// @dev Two tiers, so that one of them passes 255 members in some runs, and three GPU models.
    function testFuzz_FollowsPlainArrays(uint256 seed) external {
        uint160 next = 1;
        uint256 steps = 100 + seed % 900;
        for (uint256 step = 0; step < steps; ++step) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint8 tier = seed % 5 == 0 ? 2 : 5;
            address[] storage members = _members[tier];
            uint256 what = (seed >> 16) % 8;
            uint256 position = members.length == 0 ? 0 : (seed >> 32) % members.length;
            uint256 place = NodePools.placeOf(tier, position);
            if (what < 4 || members.length == 0) {
                uint24 model = 1 + uint24((seed >> 64) % 3);
                place = _pools.add(NodePools.Member(address(next), tier == 2 ? 8 : 24, model, 1));
                vm.assertEq(NodePools.tierAt(place), tier);
                vm.assertEq(NodePools.positionAt(place), members.length);
                members.push(address(next));
                (_available[address(next)], _model[address(next)]) = (true, model);
                ++_modelSizes[model];
                ++next;
            } else if (what < 7) {
                _pools.setAvailable(place, what != 6);
                _available[members[position]] = what != 6;
            } else {
                address last = members[members.length - 1];
                --_modelSizes[_model[members[position]]];
                vm.assertEq(_pools.remove(place), position == members.length - 1 ? address(0) : last);
                members[position] = last;
                members.pop();
            }
        }
        uint256 all;
        for (uint8 tier = 0; tier < 8; ++tier) {
            _assertTier(tier);
            all += _members[tier].length;
        }
        vm.assertEq(_pools.bondedMembers(), all);
        for (uint256 model = 1; model <= 3; ++model) {
            vm.assertEq(_pools.models[model].size, _modelSizes[model], "members of a model");
        }
    }

    function _assertTier(uint8 tier) private view {
        address[] storage members = _members[tier];
        vm.assertEq(NodePools.sizeOf(_pools.sizes, tier), members.length, "size");
        uint256 words = members.length / 255 + 1;
        for (uint256 word = 0; word < words; ++word) {
            uint256 available;
            uint256[4] memory models;
            for (uint256 i = word * 255; i < members.length && i < (word + 1) * 255; ++i) {
                NodePools.Member storage member = _pools.members[NodePools.placeOf(tier, i)];
                vm.assertEq(member.wallet, members[i]);
                vm.assertEq(member.modelId, _model[members[i]]);
                models[member.modelId] |= 1 << (i % 255);
                if (_available[members[i]]) available |= 1 << (i % 255);
            }
            // Whole words: nothing may be set where nobody stands.
            vm.assertEq(_pools.availableIn(tier, word), available, "bits");
            vm.assertEq((_pools.occupiedIn(tier, 0) >> word) & 1, available == 0 ? 0 : 1, "occupied");
            for (uint256 model = 1; model <= 3; ++model) {
                vm.assertEq(_pools.ofModelIn(model, tier, word), models[model], "bits of a model");
            }
        }
    }

    function test_TiersBeginWhereTheyShould() external pure {
        uint256[8] memory first = [uint256(0), 4, 8, 12, 16, 24, 40, 80];
        for (uint256 tier = 0; tier < 8; ++tier) {
            vm.assertEq(NodePools.tierOf(first[tier]), tier, "first of its tier");
            if (tier != 0) vm.assertEq(NodePools.tierOf(first[tier] - 1), tier - 1, "last of the one before");
        }
        vm.assertEq(NodePools.tierOf(type(uint16).max), 7, "the most");
    }
}
